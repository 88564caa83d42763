/* exchange.h: one request of a person, from its head to its record.
 *
 * Checks the head, asks decide(), answers itself or asks the phone, and writes one access record,
 * whatever happened. Lives in its connection's arena. The connection brings the body and asks when
 * it is over; nothing here reads from the network. */
#ifndef PROXY_CLIENT_EXCHANGE_H
#define PROXY_CLIENT_EXCHANGE_H

#include "policy/access/decide.h"
#include "policy/access/hdrfilter.h"
#include "proxy/client/conn.h"
#include "proxy/http/http_chunked.h"
#include "proxy/http/http_write.h"
#include "proxy/phone/phone_exchange.h"
#include "proxy/run/asset_cache.h"

/* A body nobody wants is read away up to here to keep the connection; beyond, it is closed. */
#define EXCHANGE_DRAIN_BYTES (256 * 1024)
/* All chunked bodies being collected at once in one worker; beyond it 503. */
#define EXCHANGE_COLLECT_TOTAL (128 * 1024 * 1024)

enum body_mode {
    BODY_WAIT,    /* not decided yet, or the phone is not ready: leave it where it is */
    BODY_COLLECT, /* into memory, to be judged or because the phone takes no chunks */
    BODY_STREAM,  /* to the phone as it comes */
    BODY_DRAIN,   /* read away */
    BODY_DONE,
};

enum answer_state {
    ANSWER_NONE,
    ANSWER_HEAD, /* the head is written */
    ANSWER_DONE,
};

/* What a kept copy has to do with this request. */
struct exchange_asset {
    bool asked;    /* it is for something static */
    bool reload;   /* ... and the person wants the phone's own word */
    bool confirms; /* the phone is asked whether `copy` is still right */
    enum asset_result result;
    struct asset_key key;
    struct asset *copy;  /* held: it is the answer, or will be when the phone confirms it */
    struct asset *fresh; /* the phone's answer, being collected */
    size_t sent;         /* octets of the copy's body given to the connection */
};

struct exchange {
    struct conn *conn;
    struct worker *worker;
    struct site *site; /* one reference: the snapshot this request is judged by */
    uint64_t id;
    uint64_t started_ms;
    size_t head_len;
    bool head_request; /* no body in the answer, not even where the head could not be read */
    struct request_view view;
    bool has_view;
    bool has_decision;
    struct decision decision;
    /* the request's body */
    enum body_mode body_mode;
    bool continue_sent;
    struct chunked chunked;
    uint64_t body_left;                                    /* with a Content-Length */
    uint64_t body_seen;                                    /* octets of the body, decoded */
    uint64_t body_since_ms, body_progress_ms, body_window; /* for the stall and the least rate */
    size_t drained;
    size_t collect_max;
    char *collected; /* owned until the phone exchange takes it */
    size_t collected_len, collected_cap;
    /* towards the phone */
    struct phone_exchange *px;
    struct hdr_site hdr_site;
    struct phone_times times;
    bool asked_phone;
    struct exchange_asset asset;
    /* the answer */
    enum answer_state answer;
    enum answer_framing framing;
    bool in_one; /* a phone's short answer: it goes out when it is complete, or not at all */
    bool close_after;
    struct io_buf *
        plain; /* octets of the answer not yet given to TLS: one record for head and first octets */
    unsigned status, phone_status;
    const char *outcome, *reason;
    uint64_t bytes_out;
    uint64_t interim_out; /* of these, "100 Continue" */
};

/* A head is complete (refusal == NULL) or refused. Sets conn->x. The octets of `head` stay where
 * they are. */
void exchange_begin(struct conn *c, struct str head, const struct http_refusal *refusal);
/* Take octets of the body from the front of `in`; 0: none now. */
size_t exchange_take_body(struct exchange *x, struct str in);
void exchange_flush_body(struct exchange *x);
/* The person's side takes octets again. */
void exchange_writable(struct exchange *x);
/* Looked at every CONN_CHECK_MS: a body that does not come. */
void exchange_check(struct exchange *x);
/* Answer and body are through. */
bool exchange_is_over(const struct exchange *x);
/* The person sends nothing more. False: then this request is not answered, because a part of it is
 * missing or the phone has not been asked yet. */
bool exchange_input_ended(struct exchange *x);
/* The connection ends with this exchange. */
bool exchange_closes(const struct exchange *x);
/* Write the record and let go of everything. */
void exchange_end(struct exchange *x);
/* The same for one cut short; `reason` stands in the record unless there is a better one. */
void exchange_abort(struct exchange *x, const char *reason);

#endif
