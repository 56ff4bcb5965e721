import { bindingChoice } from '../../authorization/binding.ts';
import { asDrawbridgeError } from '../../errors.ts';
import type { Examination } from './examination.ts';
import { type Finding, failedBy, ok, skip } from './step.ts';

/** Whether a sign-in would ask for tokens that are bound to a key (RFC 9449). */
export function checkBinding(examination: Examination): Finding {
  const { authorizationServer, protectedResource, challenge = {}, settings, stored } = examination;
  const { signIn } = settings;
  if (!authorizationServer) return skip('there is no authorization server to ask');
  if (signIn.dpop === 'off') return ok('no (--dpop off)', { dpop: 'none' });
  try {
    const question = { signIn, authorizationServer, resource: protectedResource, challenge, known: stored };
    const dpop = bindingChoice(question);
    const isListed = authorizationServer.dpopAlgorithms !== undefined;
    const texts = {
      none: isListed
        ? 'no: the authorization server could make them, but the server does not say that it takes them'
        : 'no: nobody offers them',
      offered: 'DPoP: the server says that it takes them',
      required: signIn.dpop === 'on' ? 'DPoP (--dpop on)' : 'DPoP, as at the last sign-in',
    };
    return ok(texts[dpop], { dpop });
  } catch (error) {
    return failedBy(asDrawbridgeError(error), '--dpop off, if the server takes tokens that are not bound');
  }
}
