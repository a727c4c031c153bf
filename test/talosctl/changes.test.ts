import { changes } from './cases/changes.ts';
import { describeCases } from './support/describe-cases.ts';

describeCases('changes', changes);
