/* Every row of tests/vectors/digest_answers.txt against authn_check. */
#include "tests/unit/auth_helper.h"

enum slot { USERNAME, SLOT_REALM, NONCE, URI, ALGORITHM, RESPONSE, QOP, NC, CNONCE, SLOTS };
static const char *const slot_names[SLOTS] = {"username", "realm", "nonce", "uri",   "algorithm",
                                              "response", "qop",   "nc",    "cnonce"};

/* An answer that is being put together: values with their quotes; empty means left out. */
struct draft {
    char values[SLOTS][512];
    char more[512]; /* put behind */
    bool response_given;
    char sum[16]; /* which response; empty for the right one */
    char as[64];  /* whose response; empty for that of the name sent */
};

static void plain_draft(struct gate *g, struct draft *d) {
    static const char *const right[SLOTS] = {"\"alice\"",  "\"" REALM "\"", "",
                                             "\"/a?x=1\"", "SHA-256",       "",
                                             "auth",       "00000001",      "\"Y25vbmNl\""};
    memset(d, 0, sizeof(*d));
    for (size_t i = 0; i < SLOTS; i++)
        (void)snprintf(d->values[i], sizeof(d->values[i]), "%s", right[i]);
    (void)snprintf(d->values[NONCE], sizeof(d->values[NONCE]), "\"%s\"", gate_nonce(g).text);
}

static void set_slot(struct draft *d, struct str name, struct str value) {
    for (size_t i = 0; i < SLOTS; i++) {
        if (!str_equal(name, str_of(slot_names[i]))) continue;
        (void)snprintf(d->values[i], sizeof(d->values[i]), STR_FMT, STR_ARG(value));
        if (i == RESPONSE) d->response_given = true;
        return;
    }
    /* Not among those that every answer has. */
    size_t len = strlen(d->more);
    (void)snprintf(d->more + len, sizeof(d->more) - len, ", " STR_FMT "=" STR_FMT, STR_ARG(name),
                   STR_ARG(value));
}

static void apply_one(struct draft *d, struct str change) {
    size_t equals = str_find(change, '=', 0);
    if (str_equal(change, STR("none"))) return;
    if (str_starts_with(change, STR("sum "))) {
        (void)snprintf(d->sum, sizeof(d->sum), STR_FMT, STR_ARG(str_part(change, 4, change.len)));
    } else if (str_starts_with(change, STR("as "))) {
        (void)snprintf(d->as, sizeof(d->as), STR_FMT, STR_ARG(str_part(change, 3, change.len)));
    } else if (change.ptr[0] == '+') {
        struct str more = str_part(change, 1, change.len);
        (void)snprintf(d->more, sizeof(d->more), STR_FMT, STR_ARG(more));
    } else if (change.ptr[0] == '-') {
        for (size_t i = 0; i < SLOTS; i++) {
            if (!str_equal(str_part(change, 1, change.len), str_of(slot_names[i]))) continue;
            d->values[i][0] = '\0';
            if (i == RESPONSE) d->response_given = true;
        }
    } else {
        assert_true(equals < change.len);
        set_slot(d, str_part(change, 0, equals), str_part(change, equals + 1, change.len));
        if (equals + 1 == change.len &&
            str_equal(str_part(change, 0, equals), STR("nc"))) /* "nc=": the name without a value */
            (void)snprintf(d->more, sizeof(d->more), ", nc=");
    }
}

static void apply(struct draft *d, struct str changes) {
    static const char between[] = " and ";
    while (changes.len > 0) {
        const char *end = memmem(changes.ptr, changes.len, between, sizeof(between) - 1);
        size_t len = end == NULL ? changes.len : (size_t)(end - changes.ptr);
        apply_one(d, str_part(changes, 0, len));
        changes = str_part(changes, end == NULL ? len : len + sizeof(between) - 1, changes.len);
    }
}

/* A value as it goes into the sum: without quotes and backslashes. */
static void bare(const char *value, char out[512]) {
    for (; *value != '\0'; value++) {
        if (*value == '"') continue;
        if (*value == '\\') value++;
        *out++ = *value;
    }
    *out = '\0';
}

static void compute_response(struct draft *d) {
    char plain[SLOTS][512];
    for (size_t i = 0; i < SLOTS; i++) bare(d->values[i], plain[i]);
    enum hash_alg alg = strstr(plain[ALGORITHM], "512") != NULL ? HASH_SHA512_256 : HASH_SHA256;
    if (strcmp(plain[ALGORITHM], "MD5") == 0) alg = HASH_MD5;
    const struct sums sums = {.alg = alg,
                              .user = d->as[0] != '\0' ? d->as : plain[USERNAME],
                              .realm = plain[SLOT_REALM],
                              .password = "secret",
                              .method = "GET",
                              .uri = plain[URI],
                              .nonce = plain[NONCE],
                              .nc = plain[NC],
                              .cnonce = plain[CNONCE]};
    static const char *const kinds[] = {"auth", "sess", "noqop", "int", "", "noha1"};
    char hex[65];
    enum sum kind = SUM_AUTH;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i], d->sum) == 0 && d->sum[0] != '\0') kind = (enum sum)i;
    }
    response_of(&sums, kind, hex);
    if (strcmp(d->sum, "zero") == 0) memset(hex, '0', strlen(hex));
    for (char *c = hex; strcmp(d->sum, "upper") == 0 && *c != '\0'; c++) {
        if (*c >= 'a') *c = (char)(*c - 'a' + 'A');
    }
    (void)snprintf(d->values[RESPONSE], sizeof(d->values[RESPONSE]), "\"%s\"", hex);
}

static void write_out(const struct draft *d, char *out, size_t size) {
    size_t len = (size_t)snprintf(out, size, "Digest ");
    const char *between = "";
    for (size_t i = 0; i < SLOTS; i++) {
        if (d->values[i][0] == '\0') continue;
        len += (size_t)snprintf(out + len, size - len, "%s%s=%s", between, slot_names[i],
                                d->values[i]);
        between = ", ";
    }
    (void)snprintf(out + len, size - len, "%s", d->more);
}

static const char *verdict_name(enum authn_verdict verdict) {
    switch (verdict) {
    case AUTHN_OK:
        return "ok";
    case AUTHN_CHALLENGE:
        return "challenge";
    case AUTHN_STALE:
        return "stale";
    case AUTHN_LOCKED:
        return "locked";
    case AUTHN_BAD:
        return "bad";
    }
    return "?";
}

static void check_row(struct gate *g, struct str change, struct str verdict, struct str reason) {
    struct draft d;
    plain_draft(g, &d);
    apply(&d, change);
    if (!d.response_given) compute_response(&d);
    char value[4096];
    write_out(&d, value, sizeof(value));
    const char *got = verdict_name(check_value(g, "GET", "/a?x=1", value));
    const char *why = authn_reason_str(g->result.reason);
    if (!str_equal(str_of(got), verdict) || !str_equal(str_of(why), reason))
        fail_msg(STR_FMT ": got %s, %s\n%s", STR_ARG(change), got, why, value);
    /* Nobody is proven by a refusal, and only a response that was checked counts (V25). */
    bool proven = g->result.verdict == AUTHN_OK;
    assert_int_equal(g->result.user != NULL, proven);
    assert_int_equal(g->result.counts_as_failure,
                     g->result.reason == AUTHN_REASON_WRONG_RESPONSE ||
                         g->result.reason == AUTHN_REASON_UNKNOWN_USER);
}

static void V_R_rows(void **state) {
    (void)state;
    struct gate g;
    gate_open(&g);
    char line[1024];
    unsigned rows = 0;
    FILE *file = fopen("tests/vectors/digest_answers.txt", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#') continue;
        struct str rest = str_of(line);
        struct str cells[4];
        for (size_t i = 0; i < 4; i++) {
            assert_true(str_split(&rest, '|', &cells[i]));
            /* A change may begin with a blank, but not end with one. */
            cells[i] = str_trim(cells[i]);
        }
        check_row(&g, cells[1], cells[2], cells[3]);
        rows++;
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rows, 134);
    gate_close(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(V_R_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
