import type { DrawbridgeError } from '../../errors.ts';
import { Leg, type LegParts } from '../../remote/leg.ts';
import type { ModernRemote, Outcome, OutgoingRequest } from '../../remote/transport.ts';
import { sendPatiently } from '../patient-send.ts';

/** A leg that its request does not end by itself: what ends all of the call stays tied to that. */
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
 * Sends one leg, with the repetitions that do no harm.
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
  return { leg, outcome: await leg.ending(sent) };
}
