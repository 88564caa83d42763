/* server_tls.h: the gate's own identity towards people (RFC 9325, 8446; checks T01-T15).
 *
 * TLS 1.2 and 1.3, ECDHE with AEAD only, ALPN "http/1.1", else "http/1.0" (nothing
 * in common: no_application_protocol), stateless tickets whose keys are made here and rotated, no
 * renegotiation, no compression, no early data. One object is shared by all workers. */
#ifndef CERTS_SERVER_TLS_H
#define CERTS_SERVER_TLS_H

#include <openssl/ssl.h>

#include "policy/base/str.h"

struct server_tls;

/* Load certificate chain and key (paths, NUL-terminated) and build the context. NULL on failure,
 * with one line of English in `error` (`error_len` bytes, NUL-terminated). `min_version` is
 * TLS1_2_VERSION or TLS1_3_VERSION. */
struct server_tls *server_tls_new(const char *certificate, const char *key, int min_version,
                                  char *error, size_t error_len);
void server_tls_free(struct server_tls *tls);

SSL_CTX *server_tls_ctx(const struct server_tls *tls);

/* Does the certificate cover this host name or address literal (RFC 9525)? */
bool server_tls_covers(const struct server_tls *tls, struct str host);

/* Is it signed by itself? A warning at check. */
bool server_tls_self_signed(const struct server_tls *tls);

/* Why the handshake of `ssl` was refused by our own callbacks: "sni_unknown", "alpn_no_overlap", or
 * NULL. */
const char *server_tls_refusal(const SSL *ssl);

#endif
