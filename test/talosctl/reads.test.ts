import { gets, reads } from './cases/reads.ts';
import { describeCases } from './support/describe-cases.ts';

describeCases('reads', [...reads, ...gets]);
