/* policy/access/pull.h: tests/vectors/pull.txt. */
#include "policy/access/pull.h"
#include "tests/unit/access_vectors.h"
#include "tests/unit/auth_helper.h"

#define A "000413A1B2C3"
#define B "000413A1B2C4"

static const struct str macs[] = {{A, 12}, {B, 12}, {"000413A1B2C5", 12}, {NULL, 0}};

static const char *password_of(struct str user) {
    if (str_equal(user, STR(A))) return "first-password";
    if (str_equal(user, STR(B))) return "second-password";
    return "secret"; /* alice's, where people sign in */
}

static void open_phones(struct gate *g) {
    gate_open(g);
    users_free(g->users);
    g->users = users_new(STR(REALM), test_hash_key);
    add_user(g, HASH_MD5, A, password_of(STR(A)));
    add_user(g, HASH_MD5, B, password_of(STR(B)));
    users_hash_names(g->users, g->hasher);
    g->ctx.users = g->users;
    g->digest.algorithms[0] = HASH_MD5;
    g->digest.algorithm_count = 1;
}

struct asking {
    struct str certificate;
    char user[64];
    bool wrong, password, body;
    char method[16], target[256];
};

static void copy(char *out, size_t size, struct str text) {
    assert_true(text.len < size);
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

/* "cert:MAC pw:NAME", "wrong:NAME", "" */
static void read_who(struct str who, struct asking *a) {
    struct str word;
    while (who.len > 0 && str_split(&who, ' ', &word)) {
        size_t colon = str_find(word, ':', 0);
        struct str kind = str_part(word, 0, colon), name = str_part(word, colon + 1, word.len);
        if (str_equal(kind, STR("cert"))) {
            a->certificate = name;
            continue;
        }
        a->password = true;
        a->wrong = str_equal(kind, STR("wrong"));
        assert_true(a->wrong || str_equal(kind, STR("pw")));
        copy(a->user, sizeof(a->user), name);
    }
}

static struct pull_decision ask(struct gate *g, const struct asking *a, struct str path) {
    struct request_view req;
    struct header header = {STR("Authorization"), STR_NONE};
    request_for(&req, a->method, a->target);
    if (path.len > 0) req.path = path; /* with octets that no text holds */
    req.body = a->body ? BODY_LENGTH : BODY_NONE;
    struct nonce_text nonce = gate_nonce(g);
    const struct client client = {.user = a->user,
                                  .password = a->wrong ? "wrong" : password_of(str_of(a->user)),
                                  .method = a->method,
                                  .target = a->target,
                                  .nonce = nonce.text,
                                  .alg = HASH_MD5};
    header.value = str_of(answer_of(g, &client));
    req.headers = &header;
    req.header_count = a->password ? 1 : 0;
    struct pull_ctx ctx = {
        .authn = g->ctx, .macs = macs, .count = ARRAY_LEN(macs), .certificate = a->certificate};
    struct pull_decision d;
    pull_decide(&ctx, &req, &d);
    assert_int_equal(d.verdict == PULL_SERVE, d.status == 200);
    assert_int_equal(d.verdict == PULL_CHALLENGE, d.status == 401);
    assert_true(d.verdict != PULL_SERVE || d.index < ARRAY_LEN(macs));
    return d;
}

static void the_table_of_phones_and_files(void **state) {
    (void)state;
    struct vectors v;
    size_t rows = 0;
    struct gate g;
    open_phones(&g);
    vectors_open(&v, "pull.txt");
    for (; vectors_next(&v); rows++) {
        if (v.count != 6) fail_msg("%s:%u: %zu columns", v.name, v.line, v.count);
        struct asking a = {.certificate = STR_NONE};
        struct str method = v.column[2], path = v.column[3];
        char status[8];
        read_who(v.column[1], &a);
        a.body = str_ends_with(method, STR("+body"));
        copy(a.method, sizeof(a.method), str_part(method, 0, str_find(method, '+', 0)));
        bool odd = memchr(path.ptr, '\0', path.len) != NULL;
        copy(a.target, sizeof(a.target), odd ? STR("/odd") : path);
        struct pull_decision d = ask(&g, &a, odd ? path : STR_NONE);
        (void)snprintf(status, sizeof(status), "%u", d.status);
        vectors_expect(&v, str_of(status), v.column[4]);
        vectors_expect(&v, str_of(d.reason), v.column[5]);
    }
    assert_true(rows >= 60);
    gate_close(&g);
}

static void an_empty_certificate_is_no_phone_without_a_mac(void **state) {
    (void)state;
    struct gate g;
    open_phones(&g);
    struct asking a = {.certificate = STR(""), .method = "GET", .target = "/" A ".xml"};
    assert_int_equal(ask(&g, &a, STR_NONE).verdict, PULL_CHALLENGE);
    gate_close(&g);
}

static void wrong_passwords_count_towards_the_lockout(void **state) {
    (void)state;
    struct gate g;
    open_phones(&g);
    const struct authn_settings settings = {.lockout = {.failures = 3,
                                                        .failures_per_user = 60,
                                                        .failures_per_address = 60,
                                                        .window_ms = 60000,
                                                        .block_ms = 60000}};
    struct lockout *lockout = lockout_new(64, 64, test_hash_key, (struct policy_lock){0});
    g.ctx.guard = (struct authn_guard){.lockout = lockout, .settings = &settings};
    struct asking a = {.user = A, .password = true, .method = "GET", .target = "/" A ".xml"};
    assert_int_equal(ask(&g, &a, STR_NONE).status, 200);
    a.wrong = true;
    for (int i = 0; i < 3; i++) assert_int_equal(ask(&g, &a, STR_NONE).status, 401);
    a.wrong = false;
    struct pull_decision d = ask(&g, &a, STR_NONE);
    assert_int_equal(d.status, 429);
    assert_string_equal(d.reason, "locked");
    a.certificate = STR(A); /* a certificate cannot be guessed */
    assert_int_equal(ask(&g, &a, STR_NONE).status, 200);
    lockout_free(lockout);
    gate_close(&g);
}

static void a_nonce_that_is_too_old_is_stale_and_a_broken_field_is_400(void **state) {
    (void)state;
    struct gate g;
    open_phones(&g);
    struct nonce_text nonce = gate_nonce(&g);
    const struct client client = {
        .user = A, .password = "first-password", .target = "/" A ".xml", .nonce = nonce.text};
    struct request_view req;
    request_for(&req, "GET", "/" A ".xml");
    struct header header = {STR("Authorization"), str_of(answer_of(&g, &client))};
    req.headers = &header;
    req.header_count = 1;
    g.ctx.now_ms += LIFE + 1;
    struct pull_ctx ctx = {.authn = g.ctx, .macs = macs, .count = ARRAY_LEN(macs)};
    struct pull_decision d;
    pull_decide(&ctx, &req, &d);
    assert_int_equal(d.verdict, PULL_CHALLENGE);
    assert_int_equal(d.authn.verdict, AUTHN_STALE);
    header.value = STR("Digest username=");
    pull_decide(&ctx, &req, &d);
    assert_int_equal(d.verdict, PULL_DENY);
    assert_int_equal(d.status, 400);
    gate_close(&g);
}

/* Users are made of the phones of one configuration; should they ever differ, nobody is served. */
static void a_user_without_a_phone_gets_nothing(void **state) {
    (void)state;
    struct gate g;
    open_phones(&g);
    struct nonce_text nonce = gate_nonce(&g);
    const struct client client = {
        .user = B, .password = "second-password", .target = "/" B ".xml", .nonce = nonce.text};
    struct request_view req;
    request_for(&req, "GET", "/" B ".xml");
    struct header header = {STR("Authorization"), str_of(answer_of(&g, &client))};
    req.headers = &header;
    req.header_count = 1;
    struct pull_ctx ctx = {.authn = g.ctx, .macs = macs, .count = 1};
    struct pull_decision d;
    pull_decide(&ctx, &req, &d);
    assert_int_equal(d.verdict, PULL_DENY);
    assert_string_equal(d.reason, "undecided");
    gate_close(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_phones_and_files),
        cmocka_unit_test(an_empty_certificate_is_no_phone_without_a_mac),
        cmocka_unit_test(wrong_passwords_count_towards_the_lockout),
        cmocka_unit_test(a_nonce_that_is_too_old_is_stale_and_a_broken_field_is_400),
        cmocka_unit_test(a_user_without_a_phone_gets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
