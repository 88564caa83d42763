/* pull_answer.h: a phone fetches its settings.
 *
 * Asks pull_decide() and answers with the phone's file, DIRECTORY/MAC.xml, whose name is made of
 * the configuration's MAC and nothing else; or with a status and one line. One request a
 * connection, one record each; what is in a file is never told to anybody but its phone. */
#ifndef PROXY_CLIENT_PULL_ANSWER_H
#define PROXY_CLIENT_PULL_ANSWER_H

#include "proxy/client/conn.h"

/* Octets of a file; longer ones are not served. */
#define PULL_FILE_MAX 65536

/* Answer the one request of a provisioning connection; the caller closes. */
void pull_answer(struct conn *c, struct str head, const struct http_refusal *refusal);

#endif
