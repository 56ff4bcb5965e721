import { conformanceWith } from './scenarios.ts';

conformanceWith('legacy');
