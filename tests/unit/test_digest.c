/* The sums of RFC 7616 against tests/vectors/digest_formula.txt: once with the code of the gate
 * and, for what the gate refuses to compute, once with the test's own. */
#include "policy/auth/digest.h"
#include "policy/auth/users.h"
#include "tests/unit/auth_helper.h"

enum name { USER, NAME_REALM, PASSWORD, METHOD, URI, NONCE, NC, CNONCE, BODY, ALGORITHM, NAMES };
static const char *const names[NAMES] = {"user",  "realm", "password", "method", "uri",
                                         "nonce", "nc",    "cnonce",   "body",   "algorithm"};

struct sheet {
    char fields[NAMES][128];
    struct hasher *hasher;
    unsigned checks;
};

static enum hash_alg algorithm_of(const struct sheet *s) {
    for (size_t i = 0; i < HASH_ALGS; i++) {
        if (str_equal(str_of(s->fields[ALGORITHM]), hash_name((enum hash_alg)i)))
            return (enum hash_alg)i;
    }
    fail_msg("no algorithm %s", s->fields[ALGORITHM]);
    return HASH_MD5;
}

static struct str field(const struct sheet *s, enum name name) {
    return str_of(s->fields[name]);
}

static void to_hex(enum hash_alg alg, const uint8_t *raw, char out[65]) {
    struct outbuf hex;
    outbuf_init(&hex, out, 64);
    outbuf_hex(&hex, raw, hash_len(alg));
    out[hex.len] = '\0';
}

/* What the gate's own code makes of it. */
static void by_gate(const struct sheet *s, bool rspauth, bool qop, char out[65]) {
    enum hash_alg alg = algorithm_of(s);
    uint8_t ha1[HASH_MAX_LEN];
    uint8_t raw[HASH_MAX_LEN];
    const struct digest_input input = {.algorithm = alg,
                                       .method = rspauth ? STR("") : field(s, METHOD),
                                       .uri = field(s, URI),
                                       .nonce = field(s, NONCE),
                                       .nc = field(s, NC),
                                       .cnonce = field(s, CNONCE),
                                       .qop_auth = qop};
    assert_true(
        users_ha1(s->hasher, alg, field(s, USER), field(s, NAME_REALM), field(s, PASSWORD), ha1));
    assert_true(digest_response(s->hasher, &input, ha1, raw));
    to_hex(alg, raw, out);
}

static void by_test(const struct sheet *s, enum sum kind, char out[65]) {
    const struct sums sums = {algorithm_of(s),     s->fields[USER],   s->fields[NAME_REALM],
                              s->fields[PASSWORD], s->fields[METHOD], s->fields[URI],
                              s->fields[NONCE],    s->fields[NC],     s->fields[CNONCE],
                              s->fields[BODY]};
    response_of(&sums, kind, out);
}

static void by_hash(const struct sheet *s, const char *check, char out[65]) {
    uint8_t raw[HASH_MAX_LEN];
    enum hash_alg alg = algorithm_of(s);
    if (strcmp(check, "ha1") == 0) {
        assert_true(users_ha1(s->hasher, alg, field(s, USER), field(s, NAME_REALM),
                              field(s, PASSWORD), raw));
    } else {
        bool ha2 = strcmp(check, "ha2") == 0;
        const struct str parts[] = {ha2 ? field(s, METHOD) : field(s, USER), STR(":"),
                                    ha2 ? field(s, URI) : field(s, NAME_REALM)};
        assert_true(hash_parts(s->hasher, alg, parts, 3, raw));
    }
    to_hex(alg, raw, out);
}

static void compute(const struct sheet *s, const char *check, char out[65]) {
    static const struct {
        const char *check;
        enum sum kind;
    } ours[] = {{"response-sess", SUM_SESS},
                {"response-int", SUM_INT},
                {"response-int-body", SUM_INT_BODY},
                {"response-noha1", SUM_NOHA1}};
    char second[65];
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (strcmp(check, ours[i].check) == 0) {
            by_test(s, ours[i].kind, out);
            return;
        }
    }
    if (strcmp(check, "response") == 0 || strcmp(check, "rspauth") == 0) {
        bool rspauth = check[2] == 'p';
        by_gate(s, rspauth, true, out);
        by_test(s, rspauth ? SUM_RSPAUTH : SUM_AUTH, second);
        assert_string_equal(out, second);
    } else if (strcmp(check, "response-noqop") == 0) {
        by_gate(s, false, false, out);
        by_test(s, SUM_NOQOP, second);
        assert_string_equal(out, second);
    } else {
        by_hash(s, check, out);
    }
}

static void set_field(struct sheet *s, const char *name, const char *value) {
    for (size_t i = 0; i < NAMES; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        (void)snprintf(s->fields[i], sizeof(s->fields[i]), "%s", value);
        return;
    }
    fail_msg("no field %s", name);
}

static void take_line(struct sheet *s, char *line) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#') return;
    char *colon = strstr(line, ": ");
    char *space = strchr(line, ' ');
    assert_non_null(space);
    if (colon != NULL && colon < space) {
        *colon = '\0';
        set_field(s, line, colon + 2);
        return;
    }
    assert_true(space[1] == '=' || space[1] == '!');
    assert_true(space[2] == ' ');
    *space = '\0';
    char got[65];
    compute(s, line, got);
    if (space[1] == '=')
        assert_string_equal(got, space + 3);
    else
        assert_string_not_equal(got, space + 3);
    s->checks++;
}

static void V13_R31_formulas(void **state) {
    (void)state;
    struct sheet s = {.hasher = hasher_new()};
    char line[512];
    FILE *file = fopen("tests/vectors/digest_formula.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) take_line(&s, line);
    assert_int_equal(fclose(file), 0);
    hasher_free(s.hasher);
    assert_int_equal(s.checks, 46);
}

/* Erratum 4897: the figures of RFC 7616 3.9.2 were made with SHA-512 cut to 256 bits. */
static void V32_R31_the_printed_figures_do_not_come_out(void **state) {
    (void)state;
    static const char printed[] =
        "ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd";
    struct sheet s = {.hasher = hasher_new()};
    set_field(&s, "user", "J\xc3\xa4s\xc3\xb8n Doe");
    set_field(&s, "realm", "api@example.org");
    set_field(&s, "password", "Secret, or not?");
    set_field(&s, "method", "GET");
    set_field(&s, "uri", "/doe.json");
    set_field(&s, "nonce", "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK");
    set_field(&s, "nc", "00000001");
    set_field(&s, "cnonce", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v");
    for (int alg = 0; alg < HASH_ALGS; alg++) {
        char got[65];
        set_field(&s, "algorithm", hash_name((enum hash_alg)alg).ptr);
        compute(&s, "response", got);
        assert_string_not_equal(got, printed);
        if (alg == HASH_SHA512_256)
            assert_string_equal(got,
                                "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
    }
    hasher_free(s.hasher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(V13_R31_formulas),
        cmocka_unit_test(V32_R31_the_printed_figures_do_not_come_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
