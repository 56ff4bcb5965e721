import { conformanceWith } from './scenarios.ts';

conformanceWith('modern');
