#include "policy/auth/digest.h"
#include "policy/auth/users.h"
#include "policy/base/bytes.h"
#include "proxy/cmd/cmd.h"

enum sum { SUM_RESPONSE, SUM_RSPAUTH, SUM_USERHASH };

/* Who signs in where, and with what: the examples of the RFCs. */
struct example {
    const char *name;
    struct str user, realm, password, uri, nonce, cnonce;
};

static const struct example v1 = {
    "V1 (RFC 7616 3.9.1)",
    {"Mufasa", 6},
    {"http-auth@example.org", 21},
    {"Circle of Life", 14},
    {"/dir/index.html", 15},
    {"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", 44},
    {"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 44},
};
static const struct example v2 = {
    "V2 (RFC 7616 3.9.2)",
    {"J\xc3\xa4s\xc3\xb8n Doe", 11},
    {"api@example.org", 15},
    {"Secret, or not?", 15},
    {"/doe.json", 9},
    {"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", 44},
    {"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", 44},
};
static const struct example v3 = {
    "V3 (RFC 2617 3.5)",    {"Mufasa", 6},           {"testrealm@host.com", 18},
    {"Circle Of Life", 14}, {"/dir/index.html", 15}, {"dcd98b7102dd2f0e8b11d0f600bfb0c093", 34},
    {"0a4f113b", 8},
};

/* tests/vectors/digest_formula.txt has these and more, with their sources. */
static const struct check {
    const struct example *example;
    enum hash_alg alg;
    enum sum sum;
    bool
        refused; /* printed in the RFC from SHA-512 cut in half (erratum 4897): must not come out */
    const char *hex;
} checks[] = {
    {&v1, HASH_MD5, SUM_RESPONSE, false, "8ca523f5e9506fed4657c9700eebdbec"},
    {&v1, HASH_MD5, SUM_RSPAUTH, false, "9b712497bc9f91499fbcca1dfc5f09a5"},
    {&v1, HASH_MD5, SUM_USERHASH, false, "4238f3a16167373febb9bc4d43db9cc4"},
    {&v1, HASH_SHA256, SUM_RESPONSE, false,
     "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
    {&v1, HASH_SHA256, SUM_RSPAUTH, false,
     "86d3b25618d41854ca5039a5d7e53ff6355d5134a9b1fb088a78ac3c462195a0"},
    {&v1, HASH_SHA256, SUM_USERHASH, false,
     "a947aad205e80e429958a387394944c6b496301e79f89d35a4cc23b6ee12b5b6"},
    {&v1, HASH_SHA512_256, SUM_RESPONSE, false,
     "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0"},
    {&v2, HASH_SHA512_256, SUM_RESPONSE, false,
     "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"},
    {&v2, HASH_SHA512_256, SUM_RSPAUTH, false,
     "2a14c644cc564038709393846dc914772273b178abe03a2fb02c9684116bbc2d"},
    {&v2, HASH_SHA512_256, SUM_USERHASH, false,
     "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"},
    {&v2, HASH_SHA512_256, SUM_RESPONSE, true,
     "ae66e67d6b427bd3f120414a82e4acff38e8ecd9101d6c861229025f607a79dd"},
    {&v2, HASH_SHA512_256, SUM_USERHASH, true,
     "488869477bf257147b804c45308cd62ac4e25eb717b12b298c79e62dcea254ec"},
    {&v2, HASH_SHA256, SUM_RESPONSE, false,
     "b6d5cb9c3000ea2385250005e294d7132b260b8fd08940d2377373493cee8cc4"},
    {&v2, HASH_MD5, SUM_RESPONSE, false, "2428277c77e50ae43afb1669a43dae19"},
    {&v3, HASH_MD5, SUM_RESPONSE, false, "6629fae49393a05397450978507c4ef1"},
};

static bool compute(struct hasher *h, const struct check *c, uint8_t out[HASH_MAX_LEN]) {
    const struct example *e = c->example;
    if (c->sum == SUM_USERHASH) return users_name_hash(h, c->alg, e->user, e->realm, out);
    uint8_t ha1[HASH_MAX_LEN];
    const struct digest_input input = {.algorithm = c->alg,
                                       .method = c->sum == SUM_RSPAUTH ? STR("") : STR("GET"),
                                       .uri = e->uri,
                                       .nonce = e->nonce,
                                       .nc = STR("00000001"),
                                       .cnonce = e->cnonce,
                                       .qop_auth = true};
    return users_ha1(h, c->alg, e->user, e->realm, e->password, ha1) &&
           digest_response(h, &input, ha1, out);
}

static bool passes(struct hasher *h, const struct check *c) {
    uint8_t got[HASH_MAX_LEN], want[HASH_MAX_LEN];
    if (!bytes_from_hex(str_of(c->hex), want, hash_len(c->alg)) || !compute(h, c, got))
        return false;
    return bytes_equal_ct(got, want, hash_len(c->alg)) != c->refused;
}

static void tell(const struct check *c, const char *outcome) {
    static const char *const sums[] = {"response", "rspauth", "userhash"};
    printf("%-20s %-11s %-8s  %s%s\n", c->example->name, hash_name(c->alg).ptr, sums[c->sum],
           outcome, c->refused ? " (the printed figure, which must not come out)" : "");
}

/* What cannot be done without the algorithm. */
static void tell_missing(enum hash_alg alg) {
    static const char *const lost[HASH_ALGS] = {
        [HASH_MD5] = "digest.algorithms cannot name it, phones that know only MD5 refuse us",
        [HASH_SHA256] = "the gate cannot run",
        [HASH_SHA512_256] = "digest.algorithms cannot name it",
    };
    fprintf(stderr,
            "phonegate self-test: %s is missing in this machine's OpenSSL (FIPS mode?): %s\n",
            hash_name(alg).ptr, lost[alg]);
}

int cmd_self_test(int argc, char **argv) {
    const struct cmd_option options[] = {{NULL, NULL}};
    size_t words = 0, wrong = 0, missing = 0;
    if (!cmd_args(argc, argv, options, NULL, &words)) return CMD_USAGE;
    struct hasher *h = hasher_new();
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        bool there = hasher_has(h, checks[i].alg);
        bool good = there && passes(h, &checks[i]);
        if (there && !good) wrong++;
        tell(&checks[i], good ? "ok" : there ? "WRONG" : "missing");
    }
    for (int alg = 0; alg < HASH_ALGS; alg++) {
        if (hasher_has(h, (enum hash_alg)alg)) continue;
        tell_missing((enum hash_alg)alg);
        missing++;
    }
    hasher_free(h);
    printf("%zu sums, %zu wrong, %zu algorithm%s missing\n", ARRAY_LEN(checks), wrong, missing,
           missing == 1 ? "" : "s");
    return wrong == 0 && missing == 0 ? CMD_FINE : CMD_NO;
}
