import { DrawbridgeError } from '../errors.ts';

/**
 * What is wrong with a proof of possession neither a renewal nor a sign-in mends; what can be repaired of it was.
 *
 * @param problem `use_dpop_nonce` or `invalid_dpop_proof` (RFC 9449 section 7.1)
 */
export function proofRefused({ host }: URL, problem: string): DrawbridgeError {
  return new DrawbridgeError(
    'unauthorized',
    `${host} does not take our proof of possession (${problem}); is the clock of this computer right? To do without: --dpop off.`,
    { status: 401 },
  );
}
