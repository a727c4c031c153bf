import { streams } from './cases/streams.ts';
import { describeCases } from './support/describe-cases.ts';

describeCases('streams', streams);
