#include "proxy/client/status.h"

#include "proxy/client/page.h"
#include "proxy/harden/held.h"

struct status {
    unsigned code;
    struct str text;
};

static void put_metric(struct outbuf *out, const char *name, const char *type, const char *help) {
    outbuf_put(out, STR("# HELP phonegate_"));
    outbuf_put(out, str_of(name));
    outbuf_char(out, ' ');
    outbuf_put(out, str_of(help));
    outbuf_put(out, STR("\n# TYPE phonegate_"));
    outbuf_put(out, str_of(name));
    outbuf_char(out, ' ');
    outbuf_put(out, str_of(type));
    outbuf_char(out, '\n');
}

static void put_value(struct outbuf *out, const char *name, const char *labels, uint64_t value) {
    outbuf_put(out, STR("phonegate_"));
    outbuf_put(out, str_of(name));
    outbuf_put(out, str_of(labels));
    outbuf_char(out, ' ');
    outbuf_u64(out, value);
    outbuf_char(out, '\n');
}

static void put_gauge(struct outbuf *out, const char *name, const char *help, uint64_t value) {
    put_metric(out, name, "gauge", help);
    put_value(out, name, "", value);
}

static uint64_t stopped_logins(const struct worker *w) {
    uint64_t count = 0;
    const struct site *site = w->site;
    for (size_t i = 0; i < site->config->policy.phone_count; i++) {
        for (int kind = 0; kind < PHONE_ACCOUNTS; kind++) {
            if (phone_login_stopped(site->phones[i], (enum phone_account_kind)kind,
                                    worker_epoch_ms(w)))
                count++;
        }
    }
    return count;
}

static uint64_t unknown_keys(const struct worker *w) {
    uint64_t count = 0;
    for (size_t i = 0; i < w->site->config->policy.phone_count; i++)
        count += phone_shows_wrong_key(w->site->phones[i]) ? 1 : 0;
    return count;
}

/* What is under way at phones: where nobody asks, all of it goes back to nothing but a few idle
 * connections. */
static void put_phone_load(struct outbuf *out, const struct worker *w) {
    struct phone_load sum = {0};
    const struct site *site = w->site;
    for (size_t i = 0; i < site->config->policy.phone_count; i++) {
        struct phone_load load = phone_load(site->phones[i]);
        sum.in_flight += load.in_flight;
        sum.waiting += load.waiting;
    }
    put_gauge(out, "phone_requests_in_flight", "Requests that phones are busy with.",
              sum.in_flight);
    put_gauge(out, "phone_requests_waiting", "Requests that wait for a phone's turn.", sum.waiting);
    put_gauge(out, "phone_connections", "Connections to phones, idle ones included.",
              atomic_load(&w->shared->phone_conns));
}

static void put_asset_cache(struct outbuf *out, struct asset_cache *cache) {
    static const char *const labels[ASSET_RESULTS] = {
        [ASSET_RESULT_MISS] = "{result=\"miss\"}",
        [ASSET_RESULT_HIT] = "{result=\"hit\"}",
        [ASSET_RESULT_REVALIDATED] = "{result=\"revalidated\"}",
    };
    struct asset_numbers numbers = asset_cache_numbers(cache);
    put_metric(out, "asset_cache_requests_total", "counter",
               "Requests for what profiles name static, by what the cache had.");
    for (int result = ASSET_RESULT_MISS; result < ASSET_RESULTS; result++)
        put_value(out, "asset_cache_requests_total", labels[result], numbers.results[result]);
    put_gauge(out, "asset_cache_copies", "Copies of phones' answers kept.", numbers.copies);
    put_gauge(out, "asset_cache_bytes", "Memory they take.", numbers.bytes);
}

/* One row of a counter with one label. */
static void put_row(struct outbuf *out, const char *name, const char *label, const char *text,
                    uint64_t value) {
    char labels[64];
    struct outbuf written;
    outbuf_init(&written, labels, sizeof(labels) - 1);
    outbuf_char(&written, '{');
    outbuf_put(&written, str_of(label));
    outbuf_put(&written, STR("=\""));
    outbuf_put(&written, str_of(text));
    outbuf_put(&written, STR("\"}"));
    labels[written.len] = '\0';
    put_value(out, name, labels, value);
}

static void put_defence(struct outbuf *out, struct defence *defence) {
    static const char *const sheds[SHED_WHYS] = {
        [SHED_TOTAL] = "connections",
        [SHED_ADDRESS] = "address",
        [SHED_HANDSHAKE] = "handshakes",
        [SHED_DESCRIPTORS] = "descriptors",
    };
    static const char *const aways[AWAY_WHYS] = {
        [AWAY_TOTAL] = "connections",     [AWAY_ADDRESS] = "address",         [AWAY_RATE] = "rate",
        [AWAY_HANDSHAKES] = "handshakes", [AWAY_DESCRIPTORS] = "descriptors",
    };
    static const char *const slows[SLOW_WHATS] = {
        [SLOW_HANDSHAKE] = "handshake",
        [SLOW_HEAD] = "head",
        [SLOW_BODY] = "body",
        [SLOW_ANSWER] = "answer",
    };
    put_metric(out, "connections_shed_total", "counter",
               "Connections of nobody known, closed to make room, by what was short.");
    for (int i = 0; i < SHED_WHYS; i++)
        put_row(out, "connections_shed_total", "for", sheds[i], atomic_load(&defence->shed[i]));
    put_metric(out, "connections_refused_total", "counter",
               "New connections closed, or told 503, by what was short.");
    for (int i = 0; i < AWAY_WHYS; i++)
        put_row(out, "connections_refused_total", "for", aways[i], atomic_load(&defence->away[i]));
    put_metric(out, "connections_unrecorded_total", "counter",
               "Connections refused without a record, because there were too many in a second.");
    put_value(out, "connections_unrecorded_total", "", atomic_load(&defence->untold));
    put_metric(out, "clients_too_slow_total", "counter",
               "Connections ended because a client was too slow, by what with.");
    for (int i = 0; i < SLOW_WHATS; i++)
        put_row(out, "clients_too_slow_total", "what", slows[i], atomic_load(&defence->slow[i]));
}

static void put_step(struct outbuf *out, const char *name, unsigned step, const char *state,
                     uint64_t value) {
    char labels[64];
    struct outbuf text;
    outbuf_init(&text, labels, sizeof(labels) - 1);
    outbuf_put(&text, STR("{step=\""));
    outbuf_put(&text, str_of(harden_step_str(step)));
    if (state != NULL) outbuf_put(&text, STR("\",state=\""));
    outbuf_put(&text, str_of(state));
    outbuf_put(&text, STR("\"}"));
    labels[text.len] = '\0';
    put_value(out, name, labels, value);
}

static void put_step_changes(struct outbuf *out, const struct held_numbers *n) {
    put_metric(out, "hardening_lost_total", "counter", "Steps that held on a phone and fail now.");
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        put_step(out, "hardening_lost_total", step, NULL, n->lost[step]);
    put_metric(out, "hardening_mended_total", "counter", "Lost steps that hold again.");
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        put_step(out, "hardening_mended_total", step, NULL, n->mended[step]);
}

/* Numbers of phones, not a line for each: thousands of phones would be tens of thousands of lines,
 * and which phone it is stands in its record. */
static void put_hardening(struct outbuf *out, struct held *held) {
    struct held_numbers n;
    held_numbers(held, &n);
    if (!n.on) return;
    put_metric(out, "hardening_phones", "gauge", "Phones by step and what is known of it.");
    for (unsigned step = 1; step < HARDEN_STEPS; step++)
        for (int state = 0; state < HELD_STATES; state++)
            put_step(out, "hardening_phones", step, held_state_name((enum held_state_count)state),
                     n.steps[step][state]);
    put_step_changes(out, &n);
    put_gauge(out, "hardening_phones_hardened", "Phones that hold all four steps.", n.hardened);
    put_gauge(out, "hardening_phones_drifted", "Phones that lost one of them.", n.drifted);
    put_gauge(out, "hardening_phones_restricted", "Phones that only admins may use.", n.restricted);
    put_gauge(out, "hardening_phones_in_admin_mode", "Phones that stay in administrator mode.",
              n.stay_in_admin_mode);
    put_gauge(out, "hardening_phones_incomplete", "Phones whose last check did not see all.",
              n.incomplete);
    put_metric(out, "hardening_checks_total", "counter", "Checks, by whether the phone answered.");
    put_value(out, "hardening_checks_total", "{result=\"answered\"}", n.answered);
    put_value(out, "hardening_checks_total", "{result=\"unanswered\"}", n.unanswered);
    put_value(out, "hardening_checks_total", "{result=\"cancelled\"}", n.cancelled);
}

/* Prometheus' text format, version 0.0.4. */
static struct str metrics(struct conn *c, struct io_buf *buf) {
    struct shared *shared = c->worker->shared;
    struct outbuf out;
    outbuf_init(&out, buf->data, sizeof(buf->data));
    put_metric(&out, "requests_total", "counter", "Requests answered, by outcome.");
    put_value(&out, "requests_total", "{outcome=\"allowed\"}", atomic_load(&shared->allowed));
    put_value(&out, "requests_total", "{outcome=\"denied\"}", atomic_load(&shared->denied));
    put_value(&out, "requests_total", "{outcome=\"failed\"}", atomic_load(&shared->failed));
    struct peers_numbers peers = peers_numbers(shared->peers);
    put_gauge(&out, "connections", "Connections open now.", peers.total + c->worker->status_conns);
    put_gauge(&out, "connections_strangers",
              "Those of them where nobody signed in, from addresses where nobody did lately.",
              peers.strangers);
    put_defence(&out, &shared->defence);
    put_gauge(&out, "nonces", "Nonces that somebody has signed in with.",
              nonce_table_live(shared->nonces));
    put_gauge(&out, "access_log_healthy", "1 while records can be written.",
              access_log_healthy(shared->log) ? 1 : 0);
    put_gauge(&out, "phones", "Phones in the configuration.",
              c->worker->site->config->policy.phone_count);
    put_gauge(&out, "phone_logins_stopped", "Phone accounts whose password was rejected.",
              stopped_logins(c->worker));
    put_gauge(&out, "phone_keys_unknown",
              "Phones that last showed a public key which is none of their pins.",
              unknown_keys(c->worker));
    put_phone_load(&out, c->worker);
    put_asset_cache(&out, shared->assets);
    put_hardening(&out, shared->held);
    return outbuf_str(&out);
}

static struct status judge(struct conn *c, struct str head, const struct http_refusal *refusal,
                           struct io_buf *buf) {
    const struct config_limits *l = &c->worker->site->config->limits;
    struct http_limits limits = {l->header_bytes, l->headers, l->target_bytes};
    struct http_refusal own;
    struct request_view view;
    struct header *headers = arena_alloc(&c->arena, (c->scan.lines + 1) * sizeof(*headers));
    if (refusal != NULL) return (struct status){refusal->status, STR("refused\n")};
    if (headers == NULL) return (struct status){431, STR("refused\n")};
    if (!http_strict_request(head, &limits, headers, &view, &own))
        return (struct status){own.status, STR("refused\n")};
    if (view.method != METHOD_GET && view.method != METHOD_HEAD)
        return (struct status){405, STR("only GET and HEAD\n")};
    if (str_equal(view.path, STR("/healthz"))) return (struct status){200, STR("ok\n")};
    if (str_equal(view.path, STR("/metrics"))) return (struct status){200, metrics(c, buf)};
    if (!str_equal(view.path, STR("/readyz"))) return (struct status){404, STR("not found\n")};
    if (!access_log_healthy(c->worker->shared->log))
        return (struct status){503, STR("access log cannot be written\n")};
    return (struct status){200, STR("ready\n")};
}

void status_answer(struct conn *c, struct str head, const struct http_refusal *refusal) {
    struct io_buf *buf = io_take(&c->worker->io);
    struct status status = judge(c, head, refusal, buf);
    char memory[640];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    outbuf_put(&out, STR("HTTP/1.1 "));
    outbuf_u64(&out, status.code);
    outbuf_char(&out, ' ');
    outbuf_put(&out, page_phrase(status.code));
    outbuf_put(&out, STR("\r\nDate: "));
    outbuf_put(&out, worker_date(c->worker));
    outbuf_put(&out,
               STR("\r\nConnection: close\r\nCache-Control: no-store\r\n"
                   "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\n"
                   "Content-Security-Policy: default-src 'none'; frame-ancestors 'self'\r\n"));
    if (status.code == 405) outbuf_put(&out, STR("Allow: GET, HEAD\r\n"));
    outbuf_put(&out,
               STR("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: "));
    outbuf_u64(&out, status.text.len);
    outbuf_put(&out, STR("\r\n\r\n"));
    stream_write(&c->stream, outbuf_str(&out));
    if (!http_is_head_request(head)) stream_write(&c->stream, status.text);
    io_give(&c->worker->io, buf);
}
