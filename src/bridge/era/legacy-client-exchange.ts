import type { DrawbridgeError } from '../../errors.ts';
import { Leg, type LegParts } from '../../remote/leg.ts';
import type { ModernRemote, Outcome, OutgoingRequest } from '../../remote/transport.ts';
import { sendPatiently } from '../patient-send.ts';

/** A leg whose end is not its request's: the stream of one may still be closing while the next is under way. */
export class OwnLeg extends Leg {
  #abort: ((error: DrawbridgeError) => void) | undefined;

  override get abort(): ((error: DrawbridgeError) => void) | undefined {
    return this.#abort;
  }

  override set abort(abort: ((error: DrawbridgeError) => void) | undefined) {
    this.#abort = abort;
  }
}

/** One leg of a request's, and how it went. */
export interface Exchanged {
  leg: OwnLeg;
  outcome: Outcome;
}

/**
 * Sends one leg, with the repetitions that do no harm. Some servers leave a stream open: its answer is the end.
 *
 * @param onStart gets the leg before it is sent
 */
export async function exchange(
  remote: ModernRemote,
  request: OutgoingRequest,
  parts: LegParts,
  onStart: (leg: OwnLeg) => void,
): Promise<Exchanged> {
  const leg = new OwnLeg(request, parts);
  onStart(leg);
  const sent = sendPatiently((message: OwnLeg) => remote.send(message), leg);
  const outcome = await Promise.race([sent, leg.answered.then((): Outcome => ({ kind: 'done' }))]);
  return { leg, outcome };
}
