import { type OAuthAnswer, OAuthHttp, type OAuthRequest } from '../../platform/oauth-http.ts';

/** The requests of an examination to whoever the server names, with where they went: so that can be told. */
export class Trail extends OAuthHttp {
  /** The latest place that has answered with a document. */
  found: URL | undefined;

  override async request(url: URL, request: OAuthRequest): Promise<OAuthAnswer> {
    const answer = await super.request(url, request);
    if (answer.status === 200 && answer.json) this.found = url;
    return answer;
  }
}
