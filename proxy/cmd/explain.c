#include "proxy/cmd/explain.h"

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include "policy/access/route.h"
#include "policy/base/outbuf.h"
#include "proxy/client/conn.h"
#include "proxy/http/http_parse.h"
#include "proxy/run/peers.h"

/* Of our own making: the largest head and as many fields as may be configured. */
#define HEAD_CAP ((size_t)16 << 20)

void explain_init(struct explain *e) {
    *e = (struct explain){.hasher = hasher_new()};
    arena_init(&e->head, HEAD_CAP);
    arena_init(&e->judged, CONN_ARENA_MAX);
    arena_init(&e->bodies, 0);
}

void explain_deinit(struct explain *e) {
    arena_release(&e->head);
    arena_release(&e->judged);
    arena_release(&e->bodies);
    hasher_free(e->hasher);
}

struct when explain_when(int64_t utc_s) {
    struct tm local;
    time_t seconds = (time_t)utc_s;
    if (localtime_r(&seconds, &local) == NULL) return (struct when){0};
    return (struct when){utc_s, (int32_t)local.tm_gmtoff};
}

bool explain_when_from(struct str text, struct when *when) {
    int64_t utc_s;
    if (!when_parse(text, false, &utc_s)) return false;
    *when = explain_when(utc_s);
    return when->utc_s != 0;
}

bool explain_address_from(const char *text, struct network_address *address) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_storage any = {0};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        memcpy(&any, &v4, sizeof(v4));
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        memcpy(&any, &v6, sizeof(v6));
    else
        return false;
    *address = peer_address_of((const struct sockaddr *)&any);
    return true;
}

bool explain_sender_from(struct str word, enum explain_sender *sender) {
    static const struct str words[] = {
        [EXPLAIN_OWN_PAGE] = {"@page", 5},
        [EXPLAIN_CROSS_SITE] = {"@cross-site", 11},
        [EXPLAIN_SCRIPT] = {"@script", 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_equal(words[i], word)) continue;
        *sender = (enum explain_sender)i;
        return true;
    }
    return false;
}

static bool is_given(const struct explain_request *request, struct str name) {
    for (size_t i = 0; i < request->field_count; i++)
        if (str_equal_icase(request->fields[i].name, name)) return true;
    return false;
}

static void put_field(struct outbuf *out, struct str name, struct str value) {
    outbuf_put(out, STR("\r\n"));
    outbuf_put(out, name);
    outbuf_put(out, STR(": "));
    outbuf_put(out, value);
}

/* What a browser says of the page that made it ask (Fetch Metadata, RFC 6454). */
static void put_sender(struct outbuf *out, const struct explain_request *request,
                       struct str origin) {
    if (request->sender == EXPLAIN_SCRIPT) return;
    bool own = request->sender == EXPLAIN_OWN_PAGE;
    bool reads = str_equal(request->method, STR("GET")) || str_equal(request->method, STR("HEAD"));
    const struct header fields[] = {
        {STR("Sec-Fetch-Site"), own ? STR("same-origin") : STR("cross-site")},
        {STR("Sec-Fetch-Mode"), STR("navigate")},
        {STR("Sec-Fetch-Dest"), STR("document")},
        {STR("Origin"), own ? origin : STR("https://elsewhere.invalid")},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields) - (reads ? 1 : 0); i++)
        if (!is_given(request, fields[i].name)) put_field(out, fields[i].name, fields[i].value);
}

static size_t head_size(const struct explain_request *request, struct str host) {
    size_t size = 1024 + 2 * host.len + request->method.len + request->target.len +
                  request->phone.len + request->content_type.len;
    for (size_t i = 0; i < request->field_count; i++)
        size += request->fields[i].name.len + request->fields[i].value.len + 4;
    return size;
}

/* The head as a browser or a program would send it. */
static struct str write_head(struct explain *e, const struct policy *policy,
                             const struct explain_request *request) {
    const struct policy_phone *phone = route_by_id(policy->routes, request->phone);
    struct str host = phone == NULL || request->by_path ? STR_NONE : phone->host;
    bool by_path = host.len == 0;
    if (by_path && policy->portal_host_count > 0) host = policy->portal_hosts[0];
    size_t cap = head_size(request, host);
    char *memory = arena_alloc(&e->head, cap), *origin = arena_alloc(&e->head, host.len + 8);
    if (memory == NULL || origin == NULL) return STR_NONE;
    struct outbuf out, own;
    outbuf_init(&own, origin, host.len + 8);
    outbuf_put(&own, STR("https://"));
    outbuf_put(&own, host);
    outbuf_init(&out, memory, cap);
    outbuf_put(&out, request->method);
    outbuf_put(&out, by_path ? STR(" /phone/") : STR(" "));
    if (by_path) outbuf_put(&out, request->phone);
    outbuf_put(&out, request->target);
    outbuf_put(&out, STR(" HTTP/1.1"));
    put_field(&out, STR("Host"), host);
    put_sender(&out, request, outbuf_str(&own));
    for (size_t i = 0; i < request->field_count; i++)
        put_field(&out, request->fields[i].name, request->fields[i].value);
    if (request->has_body && request->content_type.len > 0)
        put_field(&out, STR("Content-Type"), request->content_type);
    if (request->has_body) {
        outbuf_put(&out, STR("\r\nContent-Length: "));
        outbuf_u64(&out, request->body.len);
    }
    outbuf_put(&out, STR("\r\n\r\n"));
    return out.full ? STR_NONE : outbuf_str(&out);
}

static enum explain_result refuse(struct explain *e, unsigned status, const char *reason) {
    e->refusal = (struct http_refusal){status, reason};
    return EXPLAIN_REFUSED;
}

/* Everything that can be refused before policy is asked, as in serve. */
static enum explain_result read_head(struct explain *e, const struct config *config,
                                     struct str head) {
    const struct http_limits limits = {config->limits.header_bytes, config->limits.headers,
                                       config->limits.target_bytes};
    struct header *headers = arena_alloc(&e->head, limits.headers * sizeof(*headers));
    if (head.len == 0 || headers == NULL) return refuse(e, 431, "head_too_large");
    struct http_scan scan;
    size_t end;
    http_scan_init(&scan);
    enum http_head found = http_scan_request(&scan, head, &limits, &end, &e->refusal);
    if (found == HTTP_HEAD_BAD) return EXPLAIN_REFUSED;
    if (found != HTTP_HEAD_DONE || end != head.len) return EXPLAIN_NO_HEAD;
    if (!http_strict_request(head, &limits, headers, &e->view, &e->refusal)) return EXPLAIN_REFUSED;
    if (!http_parse_agrees_request(head, &e->view)) return refuse(e, 400, "parsers_differ");
    if (e->view.content_length > config->limits.body_bytes) return refuse(e, 413, "body_too_large");
    return EXPLAIN_DECIDED;
}

/* Which phones serve keeps people out of is not known here: none, or the one that is asked for. */
static const atomic_bool *restricted_table(struct explain *e, const struct policy *policy,
                                           const struct explain_request *request) {
    const struct policy_phone *phone = route_by_id(policy->routes, request->phone);
    if (!request->restricted || phone == NULL) return NULL;
    atomic_bool *table = arena_alloc(&e->head, policy->phone_count * sizeof(*table));
    ENSURE(table != NULL); /* the head's arena is larger than any list of phones */
    for (size_t i = 0; i < policy->phone_count; i++) atomic_init(&table[i], i == phone->index);
    return table;
}

enum explain_result explain_judge(struct explain *e, const struct config *config,
                                  const struct user *user, const struct explain_request *request) {
    arena_reset(&e->head);
    arena_reset(&e->judged);
    arena_release(&e->bodies);
    arena_init(&e->bodies, DECIDE_BODY_ARENA(request->body.len));
    e->trace = (struct decide_trace){0};
    enum explain_result result = read_head(e, config, write_head(e, &config->policy, request));
    if (result != EXPLAIN_DECIDED) return result;
    struct when when = request->when.utc_s != 0 ? request->when : explain_when(time(NULL));
    enum authn_reason account = authn_account(user, (uint64_t)when.utc_s * 1000);
    if (account != AUTHN_REASON_OK) return refuse(e, 401, authn_reason_str(account));
    const struct decide_ctx ctx = {
        .policy = &config->policy,
        .hasher = e->hasher,
        .arena = &e->judged,
        .bodies = &e->bodies,
        .when = when,
        .address = request->address,
        .restricted = restricted_table(e, &config->policy, request),
        .assume_user = user,
        .trace = &e->trace,
    };
    decide(&ctx, &e->view, &e->decision);
    if (e->decision.verdict == DECIDE_NEED_BODY && !request->body_unread)
        decide_body(&ctx, &e->view, request->body, &e->decision);
    e->trace.question.params = &e->trace.params;
    return EXPLAIN_DECIDED;
}
