import { power } from './cases/power.ts';
import { describeCases } from './support/describe-cases.ts';

describeCases('power', power);
