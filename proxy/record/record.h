/* record.h: what is said about one request, whatever happened to it.
 *
 * Fields and their reasons: docs of access records in phonegate.cfg(5). Values of parameters never
 * appear, only names; a name that somebody claimed without proof appears in clear only when a user
 * of that name exists (people type passwords into name fields), else as a keyed hash. */
#ifndef PROXY_RECORD_RECORD_H
#define PROXY_RECORD_RECORD_H

#include "policy/access/decide.h"
#include "proxy/record/access_log.h"

struct record {
    const char *event;   /* "request", "tls_refused", "clear_text", "plain_http",
                            "connection_refused",   "lockout_started", "lockout_ended" */
    const char *outcome; /* "allowed", "denied", "failed" */
    const char *reason;
    struct str src_ip;
    uint16_t src_port;
    uint64_t conn_id, request_id;
    const char *tls_version, *tls_cipher; /* NULL: none */
    const struct request_view *view;      /* NULL: there was no readable request */
    const struct decision *decision;      /* NULL: none was made */
    struct str phone_addr, phone_account; /* empty: no phone was asked */
    struct str policy_version;
    const uint8_t *claim_key; /* 32 bytes for the keyed hash of an unknown name */
    struct hasher *hasher;
    unsigned status, phone_status; /* 0: none */
    uint64_t bytes_in, bytes_out;
    const char *cache; /* NULL: no copy could have answered; "hit", "miss", "revalidated" */
    int64_t total_ms, queue_ms, connect_ms, first_byte_ms; /* -1: not reached */
};

void record_write(struct access_log *log, const struct record *r);

#endif
