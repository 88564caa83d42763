/* explain says what serve does: 10,000 random requests, judged once as `phonegate explain` does and
 * once as serve does, with a real Authorization, other spellings of the host and a browser's
 * fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/auth_helper.h"
#include "tests/unit/config_fixture.h"

#include "proxy/client/conn.h"
#include "proxy/cmd/explain.h"
#include "proxy/http/http_parse.h"

#define REQUESTS 10000

static const char grants_and_phones[] =
    "grants = (\n"
    "  { users = [ \"alice\" ]; role = \"admin\"; phones = [ \"*\" ]; },\n"
    "  { users = [ \"dora\" ]; role = \"admin\"; phones = [ \"10*\" ];\n"
    "    allow = [ \"firmware-url\", \"factory-reset\", \"minibrowser-url\" ]; },\n"
    "  { users = [ \"bob\" ]; role = \"user\"; phones = [ \"101\", \"102\" ]; }\n"
    ");\n"
    "phones = (\n"
    "  { id = \"101\"; url = \"https://192.0.2.1\"; profile = \"snom\"; login_required = false;\n"
    "    host = \"101.phones.example.com\"; tls: { verify = \"none\"; }; },\n"
    "  { id = \"102\"; url = \"https://192.0.2.2\"; profile = \"snom\"; login_required = false;\n"
    "    tls: { verify = \"none\"; }; },\n"
    "  { id = \"103\"; url = \"https://192.0.2.3\"; profile = \"model\"; login_required = false;\n"
    "    host = \"103.phones.example.com\"; tls: { verify = \"none\"; }; },\n"
    "  { id = \"x.y_z-1\"; url = \"https://192.0.2.4\"; profile = \"model\"; login_required = "
    "false;\n"
    "    tls: { verify = \"none\"; }; }\n"
    ");\n"
    "profiles_dir = \"profiles\"; state_dir = \"state\";\n"
    "limits: { target_bytes = 300; body_bytes = 2000; judged_body_bytes = 1024; };\n";

static const char *const users[] = {"alice", "bob", "carol", "dora"};
static const char *const phones[] = {"101", "102", "103", "x.y_z-1", "nowhere", "."};
static const char *const methods[] = {"GET",     "GET",   "GET",  "POST", "POST", "HEAD",
                                      "OPTIONS", "PATCH", "BREW", "get",  "PUT",  "DELETE"};
static const char *const paths[] = {
    "/",          "/index.htm",       "/INDEX.HTM",       "/%69ndex.htm",  "/prefs.htm",
    "/info.htm",  "/settings.htm",    "/line_sip.htm",    "/dummy.htm",    "/command.htm",
    "/adr.htm",   "/css/main.css",    "/js/menu.js",      "/confirm.htm",  "/a/../index.htm",
    "//",         "/%2e%2e/x",        "/advanced.htm",    "/a%00b",        "/index.htm;x",
    "/a%2fb.htm", "/minibrowser.htm", "/index.htm/x.css", "/img/logo.png", "/%zz"};
static const char *const parameters[] = {
    "l=1", "reset=Reset", "RESET=1",     "number=110", "key=F1",     "url=http://x",
    "x",   "%72eset=1",   "l=1;reset=1", "%zz=1",      "firmware=a", "Settings=Save"};
static const char *const types[] = {"application/x-www-form-urlencoded", "text/plain",
                                    "application/json", "multipart/form-data; boundary=b",
                                    "APPLICATION/X-WWW-Form-Urlencoded; charset=utf-8"};

static struct config_fixture *fixture;
static char *snom;
static uint64_t seed = 20261123;

/* xorshift: the same requests in every run. */
static size_t below(size_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % limit);
}

#define PICK(list) ((list)[below(ARRAY_LEN(list))])

struct sample {
    const char *user, *phone, *method, *type;
    char target[600];
    char body[4096];
    bool has_body;
};

static void add_parameters(char *text, size_t size, const char *first) {
    size_t len = strlen(text), count = below(4);
    for (size_t i = 0; i < count && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%s", i == 0 ? first : "&",
                                PICK(parameters));
}

static struct sample sample_new(void) {
    struct sample s = {.user = PICK(users), .phone = PICK(phones), .method = PICK(methods)};
    s.type = below(4) == 0 ? PICK(types) : types[0];
    snprintf(s.target, sizeof(s.target), "%s", PICK(paths));
    if (below(2) == 0) add_parameters(s.target, sizeof(s.target), "?");
    if (below(50) == 0) memset(s.target + strlen(s.target), 'x', 400);
    s.has_body = below(3) == 0;
    if (s.has_body) add_parameters(s.body, sizeof(s.body), "");
    if (s.has_body && below(20) == 0) {
        size_t len = strlen(s.body), more = below(2) == 0 ? 1100 : 2200;
        memset(s.body + len, 'y', more);
    }
    return s;
}

/* What serve needs besides the configuration. */
struct gate_side {
    const struct config *config;
    struct nonce_table *nonces;
    struct hasher *hasher;
    uint64_t now_ms; /* a person's nonces are told apart by their times */
    uint8_t random[NONCE_RANDOM_LEN];
    struct arena arena;
    struct http_refusal refusal;
    struct request_view view;
    struct decision decision;
    struct gate client; /* only its text is used */
};

/* By name where the phone has one; in capitals and with a port, as a browser might. */
static void write_request(struct gate_side *g, const struct sample *s, char *out, size_t size) {
    bool by_name = strcmp(s->phone, "101") == 0 || strcmp(s->phone, "103") == 0;
    char host[80], uri[700], body[80] = "";
    snprintf(host, sizeof(host), by_name ? "%s.Phones.example.COM:8443" : "GATE.example.com",
             s->phone);
    snprintf(uri, sizeof(uri), "%s%s%s", by_name ? "" : "/phone/", by_name ? "" : s->phone,
             s->target);
    struct nonce_text nonce = nonce_from(g->nonces, g->hasher, ++g->now_ms, g->random);
    const struct client client = {.user = s->user,
                                  .password = "password of a person",
                                  .method = s->method,
                                  .target = uri,
                                  .nonce = nonce.text,
                                  .alg = HASH_SHA256};
    const char *answer = answer_of(&g->client, &client);
    if (s->has_body) snprintf(body, sizeof(body), "Content-Length: %zu\r\n", strlen(s->body));
    int len =
        snprintf(out, size,
                 "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: test\r\nAccept: */*\r\n"
                 "Authorization: %s\r\nSec-Fetch-Site: same-origin\r\n%s%s%s%s%s\r\n",
                 s->method, uri, host, answer, body, s->has_body ? "Content-Type: " : "",
                 s->has_body ? s->type : "", s->has_body ? "\r\n" : "", "Accept-Language: de\r\n");
    assert_in_range(len, 1, size - 1);
}

/* The steps of proxy/client/exchange.c, in their order. */
static enum explain_result serve(struct gate_side *g, const struct sample *s) {
    char text[8192];
    struct header headers[100];
    write_request(g, s, text, sizeof(text));
    struct str head = str_of(text);
    const struct config_limits *l = &g->config->limits;
    const struct http_limits limits = {l->header_bytes, l->headers, l->target_bytes};
    struct http_scan scan;
    size_t end;
    http_scan_init(&scan);
    enum http_head found = http_scan_request(&scan, head, &limits, &end, &g->refusal);
    if (found == HTTP_HEAD_BAD) return EXPLAIN_REFUSED;
    assert_int_equal(found, HTTP_HEAD_DONE);
    if (!http_strict_request(head, &limits, headers, &g->view, &g->refusal)) return EXPLAIN_REFUSED;
    assert_true(http_parse_agrees_request(head, &g->view));
    if (g->view.content_length > l->body_bytes) {
        g->refusal = (struct http_refusal){413, "body_too_large"};
        return EXPLAIN_REFUSED;
    }
    arena_reset(&g->arena);
    const struct decide_ctx ctx = {.policy = &g->config->policy,
                                   .nonces = g->nonces,
                                   .hasher = g->hasher,
                                   .arena = &g->arena,
                                   .now_ms = g->now_ms};
    decide(&ctx, &g->view, &g->decision);
    if (g->decision.verdict == DECIDE_NEED_BODY)
        decide_body(&ctx, &g->view, str_of(s->body), &g->decision);
    return EXPLAIN_DECIDED;
}

static bool same_text(struct str a, struct str b) {
    return str_equal(a, b);
}

static void compare(const struct sample *s, const struct decision *a, const struct decision *b) {
    bool same = a->verdict == b->verdict && a->status == b->status &&
                strcmp(a->reason, b->reason) == 0 && a->user == b->user && a->rule == b->rule &&
                a->grant == b->grant && a->phone == b->phone && a->route == b->route &&
                a->admin_account == b->admin_account && a->has_parameters == b->has_parameters &&
                same_text(a->role, b->role) && same_text(a->target, b->target) &&
                same_text(a->prefix, b->prefix) && same_text(a->path.decoded, b->path.decoded) &&
                same_text(a->location, b->location) && same_text(a->detail, b->detail);
    if (!same)
        fail_msg("%s %s %s on %s, body %s: explain says %s %u %s, serve %s %u %s", s->user,
                 s->method, s->target, s->phone, s->has_body ? s->body : "-",
                 decide_verdict_str(a->verdict), a->status, a->reason,
                 decide_verdict_str(b->verdict), b->status, b->reason);
}

/* How often each answer came, so that the test cannot pass on one kind of request. */
struct counts {
    size_t forwards, refusals;
    const char *reasons[40];
    size_t reason_count;
};

static void count(struct counts *c, enum explain_result result, const struct explain *e) {
    const char *reason = result == EXPLAIN_REFUSED ? e->refusal.reason : e->decision.reason;
    if (result == EXPLAIN_DECIDED && e->decision.verdict == DECIDE_FORWARD)
        c->forwards++;
    else
        c->refusals++;
    for (size_t i = 0; i < c->reason_count; i++)
        if (strcmp(c->reasons[i], reason) == 0) return;
    assert_true(c->reason_count < ARRAY_LEN(c->reasons));
    c->reasons[c->reason_count++] = reason;
}

static void one_request(struct explain *e, struct gate_side *g, struct counts *c) {
    const struct sample s = sample_new();
    const struct user *user = users_find(g->config->policy.users, str_of(s.user));
    assert_non_null(user);
    const struct explain_request request = {.method = str_of(s.method),
                                            .target = str_of(s.target),
                                            .phone = str_of(s.phone),
                                            .has_body = s.has_body,
                                            .body = str_of(s.body),
                                            .content_type = str_of(s.type)};
    enum explain_result result = explain_judge(e, g->config, user, &request);
    assert_int_equal(serve(g, &s), result);
    if (result == EXPLAIN_REFUSED) {
        assert_int_equal(e->refusal.status, g->refusal.status);
        assert_string_equal(e->refusal.reason, g->refusal.reason);
    } else {
        compare(&s, &e->decision, &g->decision);
    }
    count(c, result, e);
}

static void write_users(void) {
    char text[1024];
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        char ha1[65];
        hex_of(HASH_SHA256, ha1, "%s:%s:%s", users[i], REALM, "password of a person");
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s:%s:%s\n", users[i], REALM, ha1);
    }
    fixture_put("users", 0600, text);
}

static struct config *load(void) {
    char *text = fixture_read("phonegate.cfg");
    *strstr(text, "grants = (") = '\0';
    char all[8192];
    snprintf(all, sizeof(all), "%s%s", text, grants_and_phones);
    free(text);
    fixture_put("phonegate.cfg", 0644, all);
    fixture_put("profiles/snom.cfg", 0644, snom);
    write_users();
    struct config *config;
    if (fixture_load(fixture, &config) != CONFIG_OK) fail_msg("%s", fixture->messages);
    return config;
}

static void test_explain_says_what_serve_does(void **state) {
    (void)state;
    struct config *config = load();
    struct gate_side *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    g->config = config;
    g->now_ms = START;
    g->hasher = hasher_new();
    g->nonces = table_of(65536, 7, 42);
    arena_init(&g->arena, CONN_ARENA_MAX);
    struct explain e;
    struct counts c = {0};
    explain_init(&e);
    for (size_t i = 0; i < REQUESTS; i++) one_request(&e, g, &c);
    printf("%zu allowed, %zu refused, %zu reasons:", c.forwards, c.refusals, c.reason_count);
    for (size_t i = 0; i < c.reason_count; i++) printf(" %s", c.reasons[i]);
    printf("\n");
    assert_true(c.forwards > REQUESTS / 20 && c.refusals > REQUESTS / 5 && c.reason_count > 10);
    explain_deinit(&e);
    arena_release(&g->arena);
    nonce_table_free(g->nonces);
    hasher_free(g->hasher);
    free(g);
    config_release(config);
}

int main(void) {
    snom = fixture_read("policy/profiles/snom.cfg");
    fixture = fixture_new();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_explain_says_what_serve_does)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_free(fixture);
    free(snom);
    return failed;
}
