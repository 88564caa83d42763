/* http_parse.h: llhttp's opinion of a head that http_strict has passed.
 *
 * Two parsers that were written apart must agree on a message before it is believed: method,
 * target, version, the very slices of each field, framing, and the octet at which the head ends.
 * Where they differ the message is refused, whoever is right.
 * llhttp runs with every lenient flag off (R28). */
#ifndef PROXY_HTTP_HTTP_PARSE_H
#define PROXY_HTTP_HTTP_PARSE_H

#include "policy/base/request.h"
#include "proxy/http/http_response.h"

/* `head` is complete, up to and with its empty line; `view` is http_strict's of this very memory.
 */
MUST_USE bool http_parse_agrees_request(struct str head, const struct request_view *view);
MUST_USE bool http_parse_agrees_response(struct str head, bool head_request,
                                         const struct response_view *view);

#endif
