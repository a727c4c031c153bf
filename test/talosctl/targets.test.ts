import { targets, withToken } from './cases/targets.ts';
import { describeCases } from './support/describe-cases.ts';

describeCases('targets', [...targets, ...withToken]);
