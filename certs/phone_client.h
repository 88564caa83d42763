/* phone_client.h: phones as TLS clients, which prove their MAC by a certificate.
 *
 * A phone whose certificate a configured authority signed, and whose certificate names one MAC, is
 * that phone. Everybody else is let in without a proof: other ways to prove oneself come later. */
#ifndef CERTS_PHONE_CLIENT_H
#define CERTS_PHONE_CLIENT_H

#include "certs/server_tls.h"
#include "policy/base/mac.h"

/* Have clients asked for a certificate, and checked against the authorities in the file `ca`. No
 * session is resumed, so each connection proves itself anew. False with one line in `error`. Only
 * before the first connection. */
MUST_USE bool phone_client_ask(struct server_tls *tls, const char *ca, char *error,
                               size_t error_len);

/* The MAC that the client of `ssl` proved: the common name, or a DNS name, in any usual spelling.
 * False without a certificate, with one that did not verify (chain, time, purpose), and with one
 * that names no MAC or several. */
MUST_USE bool phone_client_mac(const SSL *ssl, char mac[MAC_HEX]);

#endif
