declare const __VERSION__: string;

/** The package's version, put in by the bundler; "0.0.0" where the source runs unbundled, as in unit tests. */
export const version: string = typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0';
