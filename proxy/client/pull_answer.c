#include "proxy/client/pull_answer.h"

#include <stdio.h>
#include <string.h>

#include "certs/phone_client.h"
#include "policy/access/pull.h"
#include "policy/base/bytes.h"
#include "proxy/base/log.h"
#include "proxy/client/admission.h"
#include "proxy/client/page.h"
#include "proxy/config/textfile.h"
#include "proxy/http/http_parse.h"
#include "proxy/record/record.h"

/* Behind the status line and in front of the body; the challenge is the longest. */
#define FIELDS_MAX 2048

/* One request and what becomes of it. */
struct pulling {
    struct conn *conn;
    struct site *site;
    struct request_view view;
    bool readable;            /* `view` is set */
    struct decision decision; /* for the record: who, and which phone */
    unsigned status;
    const char *reason;
    bool stale;
    uint64_t retry_after_s;
    struct textfile file; /* with 200 */
    uint64_t sent;
};

static void end_with(struct pulling *p, unsigned status, const char *reason) {
    p->status = status;
    p->reason = reason;
}

/* ---- before policy is asked ---- */

static bool read_request(struct pulling *p, struct str head, const struct http_refusal *refusal) {
    struct conn *c = p->conn;
    const struct config_limits *l = &p->site->config->limits;
    struct http_limits limits = {l->header_bytes, l->headers, l->target_bytes};
    struct http_refusal own;
    struct header *headers = arena_alloc(&c->arena, (c->scan.lines + 1) * sizeof(*headers));
    if (refusal != NULL) {
        end_with(p, refusal->status, refusal->reason);
    } else if (headers == NULL) {
        end_with(p, 431, "head_too_large");
    } else if (!http_strict_request(head, &limits, headers, &p->view, &own)) {
        end_with(p, own.status, own.reason);
    } else {
        p->readable = true;
        if (http_parse_agrees_request(head, &p->view)) return true;
        end_with(p, 400, "parsers_differ");
    }
    return false;
}

static bool admits(struct pulling *p) {
    const struct conn *c = p->conn;
    if (c->admission == PEERS_FULL)
        end_with(p, 503, "connections_full");
    else if (c->admission != PEERS_OK)
        end_with(p, 503, "address_connections_full");
    else if (p->site->config->access_log.required && !access_log_healthy(c->worker->shared->log))
        end_with(p, 503, "access_log_failed");
    else
        return true;
    return false;
}

/* ---- policy ---- */

static struct authn_ctx authn_of(const struct pulling *p) {
    struct worker *w = p->conn->worker;
    const struct config *config = p->site->config;
    struct authn_ctx ctx = {
        .users = config->provisioning.users,
        .digest = &config->provisioning.digest,
        .nonces = w->shared->nonces,
        .hasher = w->hasher,
        .now_ms = worker_epoch_ms(w),
        .guard = {.lockout = w->shared->lockout, .settings = &config->policy.signing_in},
    };
    _Static_assert(sizeof(ctx.guard.address) == sizeof(p->conn->peer.key),
                   "IPv4, or the /64 of IPv6");
    memcpy(&ctx.guard.address, &p->conn->peer.key, sizeof(ctx.guard.address));
    return ctx;
}

static void note_decision(struct pulling *p, const struct pull_decision *d) {
    end_with(p, d->status, d->reason);
    p->stale = d->authn.verdict == AUTHN_STALE;
    p->retry_after_s = d->authn.retry_after_s;
    p->decision.authn = d->authn;
    p->decision.user = d->authn.user;
    if (d->index < p->site->config->policy.phone_count)
        p->decision.asked_phone = &p->site->config->policy.phones[d->index];
}

/* The name is made of the configuration's own MAC: nothing of the request is in it. */
static bool read_file(struct pulling *p, size_t index) {
    const struct config_provisioning *settings = &p->site->config->provisioning;
    struct str mac = settings->macs[index];
    char *path, error[160];
    ENSURE(asprintf(&path, STR_FMT "/" STR_FMT ".xml", STR_ARG(settings->directory), STR_ARG(mac)) >
           0);
    bool good = textfile_read(path, TEXTFILE_SECRET, PULL_FILE_MAX, &p->file, error, sizeof(error));
    if (!good)
        log_event(LOG_WARNING, "provisioning.no_file", "phone=" STR_FMT " file=%s error=%s",
                  STR_ARG(p->decision.asked_phone->id), path, error);
    free(path);
    return good;
}

/* A reload between handshake and request may have changed the authority: what was checked by the
 * one before proves nothing. The connection keeps its context, so no other one has that address. */
static bool is_of_this_site(const struct pulling *p) {
    const struct server_tls *tls = p->site->pull_tls;
    return tls != NULL && SSL_get_SSL_CTX(p->conn->stream.ssl) == server_tls_ctx(tls);
}

static void judge(struct pulling *p) {
    const struct config *config = p->site->config;
    char mac[MAC_HEX];
    struct pull_ctx ctx = {.authn = authn_of(p),
                           .macs = config->provisioning.macs,
                           .count = config->policy.phone_count};
    struct pull_decision d;
    if (config->provisioning.client_ca.len > 0 && is_of_this_site(p) &&
        phone_client_mac(p->conn->stream.ssl, mac))
        ctx.certificate = (struct str){mac, sizeof(mac)};
    pull_decide(&ctx, &p->view, &d);
    note_decision(p, &d);
    if (d.verdict == PULL_SERVE) admission_prove(p->conn);
    if (d.verdict == PULL_SERVE && !read_file(p, d.index)) end_with(p, 404, "no_file");
}

/* ---- the answer ---- */

static void put_fields(struct pulling *p, struct outbuf *out) {
    if (p->status == 401) {
        struct authn_ctx ctx = authn_of(p);
        uint8_t random[NONCE_RANDOM_LEN];
        worker_random(p->conn->worker, random, sizeof(random));
        authn_write_challenge(&ctx, p->stale, random, out);
    }
    if (p->status == 405) outbuf_put(out, STR("Allow: GET, HEAD\r\n"));
    if (p->status == 429) {
        outbuf_put(out, STR("Retry-After: "));
        outbuf_u64(out, p->retry_after_s);
        outbuf_put(out, STR("\r\n"));
    }
    if (p->status == 503) outbuf_put(out, STR("Retry-After: 5\r\n"));
}

static void put_head(struct pulling *p, size_t len, struct outbuf *out) {
    outbuf_put(out, STR("HTTP/1.1 "));
    outbuf_u64(out, p->status);
    outbuf_char(out, ' ');
    outbuf_put(out, page_phrase(p->status));
    outbuf_put(out, STR("\r\nDate: "));
    outbuf_put(out, worker_date(p->conn->worker));
    outbuf_put(out, STR("\r\nConnection: close\r\nCache-Control: no-store\r\n"
                        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
                        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"));
    put_fields(p, out);
    outbuf_put(out, p->status == 200 ? STR("Content-Type: text/xml; charset=utf-8\r\n")
                                     : STR("Content-Type: text/plain; charset=utf-8\r\n"));
    outbuf_put(out, STR("Content-Length: "));
    outbuf_u64(out, len);
    outbuf_put(out, STR("\r\n\r\n"));
}

static void send_answer(struct pulling *p, bool head_request) {
    char memory[FIELDS_MAX];
    struct outbuf out;
    struct str body =
        p->status == 200 ? (struct str){p->file.text, p->file.len} : page_phrase(p->status);
    outbuf_init(&out, memory, sizeof(memory));
    put_head(p, body.len, &out);
    ENSURE(!out.full); /* a challenge and a few fixed lines */
    stream_write(&p->conn->stream, outbuf_str(&out));
    if (!head_request) stream_write(&p->conn->stream, body);
    p->sent = out.len + (head_request ? 0 : body.len);
}

static const char *outcome_of(unsigned status) {
    return status >= 500 ? "failed" : status >= 400 ? "denied" : "allowed";
}

static void write_record(const struct pulling *p, size_t head_len) {
    const struct conn *c = p->conn;
    struct worker *w = c->worker;
    struct record record = {
        .event = "provisioning",
        .outcome = outcome_of(p->status),
        .reason = p->reason,
        .src_ip = str_of(c->ip),
        .src_port = c->port,
        .conn_id = c->id,
        .request_id = atomic_fetch_add(&w->shared->next_id, 1),
        .tls_version = SSL_get_version(c->stream.ssl),
        .tls_cipher = SSL_get_cipher_name(c->stream.ssl),
        .view = p->readable ? &p->view : NULL,
        .decision = &p->decision,
        .policy_version = p->site->config->digest_of_file,
        .claim_key = w->shared->claim_key,
        .hasher = w->hasher,
        .status = p->status,
        .bytes_in = head_len,
        .bytes_out = p->sent,
        .total_ms = (int64_t)(worker_now(w) - c->accepted_ms),
        .queue_ms = -1,
        .connect_ms = -1,
        .first_byte_ms = -1,
    };
    record_write(w->shared->log, &record);
}

void pull_answer(struct conn *c, struct str head, const struct http_refusal *refusal) {
    struct pulling p = {
        .conn = c, .site = site_hold(c->worker->site), .status = 403, .reason = "undecided"};
    if (read_request(&p, head, refusal) && admits(&p)) judge(&p);
    send_answer(&p, http_is_head_request(head));
    write_record(&p, head.len);
    textfile_free(&p.file);
    site_release(p.site);
}
