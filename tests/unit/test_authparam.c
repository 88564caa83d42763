/* The grammar of challenges and answers. A reading is written down as text, so that a row shows
 * both sides: `scheme token68 {name=value}{name="value"}`, challenges behind each other with `;`.
 */
#include "policy/auth/authparam.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

static void put_params(struct outbuf *out, const struct authparams *p) {
    for (size_t i = 0; i < p->count; i++) {
        outbuf_char(out, '{');
        outbuf_put(out, p->items[i].name);
        outbuf_put(out, p->items[i].quoted ? STR("=\"") : STR("="));
        outbuf_put(out, p->items[i].value);
        outbuf_put(out, p->items[i].quoted ? STR("\"}") : STR("}"));
    }
}

static void reading_of(struct str field, enum authparam_mode mode, struct outbuf *out) {
    char memory[128];
    struct outbuf unescaped;
    struct authparams params;
    outbuf_init(&unescaped, memory, sizeof(memory));
    for (;;) {
        enum authparam_verdict verdict = authparam_next(&field, mode, &unescaped, &params);
        if (verdict == AUTHPARAM_END) break;
        if (out->len > 0) outbuf_char(out, ';');
        if (verdict != AUTHPARAM_OK) {
            outbuf_put(out, verdict == AUTHPARAM_REPEATED ? STR("REPEATED") : STR("MALFORMED"));
            break;
        }
        outbuf_put(out, params.scheme);
        outbuf_char(out, ' ');
        outbuf_put(out, params.token68);
        put_params(out, &params);
    }
    outbuf_char(out, '\0');
}

struct row {
    const char *field;
    const char *reading;
};

static void check_rows(const struct row *rows, size_t count, enum authparam_mode mode) {
    for (size_t i = 0; i < count; i++) {
        char text[1024];
        struct outbuf out;
        outbuf_init(&out, text, sizeof(text));
        reading_of(str_of(rows[i].field), mode, &out);
        assert_false(out.full);
        assert_string_equal(text, rows[i].reading);
    }
}

static void C02_V12_read_alike_in_both_modes(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"", ""},
        {" \t ", ""},
        {" , ,, ", ""},
        {"Digest", "Digest "},
        {"Digest ", "Digest "},
        {"Digest realm=\"a\"", "Digest {realm=\"a\"}"},
        {"Digest  realm=\"spa user\"", "Digest {realm=\"spa user\"}"},
        {"Basic REALM=\"snom\"", "Basic {REALM=\"snom\"}"},
        {"Digest\trealm=\"a\"\t,\tnonce=\"b\"", "Digest {realm=\"a\"}{nonce=\"b\"}"},
        {"Digest realm = \"a\" , qop = auth", "Digest {realm=\"a\"}{qop=auth}"},
        {"Digest a=1,b=2,,c=3, ,", "Digest {a=1}{b=2}{c=3}"},
        {"Digest a=\"\"", "Digest {a=\"\"}"},
        {"Digest a=\"x,y=z\"", "Digest {a=\"x,y=z\"}"},
        {"Digest a=\"\\\"\\\\\\x\"", "Digest {a=\"\"\\x\"}"},
        {"Digest a=\"\xc3\xa4\xff\"", "Digest {a=\"\xc3\xa4\xff\"}"},
        {"Digest a=1, Basic realm=\"b\"", "Digest {a=1};Basic {realm=\"b\"}"},
        {"Basic realm=\"b\", Digest a=1, c=2", "Basic {realm=\"b\"};Digest {a=1}{c=2}"},
        {"Digest a=1, Negotiate, Basic b=2", "Digest {a=1};Negotiate ;Basic {b=2}"},
        {"Negotiate, Digest a=1", "Negotiate ;Digest {a=1}"},
        {"Negotiate YWJj==, Digest a=1", "Negotiate YWJj==;Digest {a=1}"},
        {"NTLM abc= , Digest a=1", "NTLM abc=;Digest {a=1}"},
        {"Basic a+b/c-d.e_f~g==", "Basic a+b/c-d.e_f~g=="},
        {"Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"simple\"",
         "Newauth {realm=\"apps\"}{type=1}{title=\"Login to \"apps\"\"};Basic {realm=\"simple\"}"},
        {"Digest a=1, a=2", "REPEATED"},
        {"Digest a=1, A=1", "REPEATED"},
        {"Digest a=1, Digest a=1", "Digest {a=1};Digest {a=1}"},
        {"Digest a=1 b=2", "MALFORMED"},
        {"Digest a=\"1\"b=2", "MALFORMED"},
        {"Digest a=\"1\"\"2\"", "MALFORMED"},
        {"Digest a=\"open", "MALFORMED"},
        {"Digest a=\"open\\", "MALFORMED"},
        {"Digest a=\"open\\\"", "MALFORMED"},
        {"Digest a=\"x\x01y\"", "MALFORMED"},
        {"Digest a=\"x\x7fy\"", "MALFORMED"},
        {"Digest a=\"x\\\x01y\"", "MALFORMED"},
        {"Digest a=", "Digest a="},
        {"Digest a=1, b=", "MALFORMED"},
        {"Digest a=,b=1", "Digest a=;MALFORMED"},
        {"Digest =1", "MALFORMED"},
        {"Digest \"a\"", "MALFORMED"},
        {"Digest foo bar=1", "MALFORMED"},
        {"Digest a=1; b=2", "MALFORMED"},
        {"=", "MALFORMED"},
        {"\"Digest\"", "MALFORMED"},
        {"Digest(x) a=1", "MALFORMED"},
    };
    check_rows(rows, ARRAY_LEN(rows), AUTHPARAM_STRICT);
    check_rows(rows, ARRAY_LEN(rows), AUTHPARAM_TOLERANT);
}

static void C02_phones_leave_quotes_off(void **state) {
    (void)state;
    static const struct row tolerant[] = {
        {"Digest nonce=ab/cd+ef==, realm=x", "Digest {nonce=ab/cd+ef==}{realm=x}"},
        {"Digest domain=/,qop=auth", "Digest {domain=/}{qop=auth}"},
        {"Digest realm=x\"y\"", "MALFORMED"},
        {"Digest realm=x\\y", "MALFORMED"},
        {"Digest realm=two words", "MALFORMED"},
    };
    static const struct row strict[] = {
        {"Digest nonce=ab/cd+ef==, realm=x", "MALFORMED"},
        {"Digest domain=/,qop=auth", "MALFORMED"},
        {"Digest a==1", "MALFORMED"},
    };
    check_rows(tolerant, ARRAY_LEN(tolerant), AUTHPARAM_TOLERANT);
    check_rows(strict, ARRAY_LEN(strict), AUTHPARAM_STRICT);
}

static void bounds(void **state) {
    (void)state;
    char field[2048];
    char memory[4];
    struct outbuf unescaped;
    struct authparams params;
    for (unsigned count = AUTHPARAM_MAX; count <= AUTHPARAM_MAX + 1; count++) {
        size_t len = (size_t)snprintf(field, sizeof(field), "Digest ");
        for (unsigned i = 0; i < count; i++)
            len += (size_t)snprintf(field + len, sizeof(field) - len, "p%u=1,", i);
        struct str rest = str_of(field);
        outbuf_init(&unescaped, memory, sizeof(memory));
        assert_int_equal(authparam_next(&rest, AUTHPARAM_STRICT, &unescaped, &params),
                         count == AUTHPARAM_MAX ? AUTHPARAM_OK : AUTHPARAM_MALFORMED);
    }
    /* Two values share the lent memory; the third octet does not fit any more. */
    struct str fits = STR("Digest a=\"\\x\\y\", b=\"\\zz\", c=\"plain and long\"");
    assert_int_equal(authparam_next(&fits, AUTHPARAM_STRICT, &unescaped, &params), AUTHPARAM_OK);
    assert_true(str_equal(params.items[0].value, STR("xy")));
    assert_true(str_equal(params.items[0].raw, STR("\\x\\y")));
    assert_true(str_equal(params.items[1].value, STR("zz")));
    struct str more = STR("Digest a=\"\\x\"");
    assert_int_equal(authparam_next(&more, AUTHPARAM_STRICT, &unescaped, &params),
                     AUTHPARAM_MALFORMED);
}

static void C09_lists_without_a_scheme(void **state) {
    (void)state;
    char memory[16];
    struct outbuf unescaped;
    struct authparams params;
    outbuf_init(&unescaped, memory, sizeof(memory));
    assert_int_equal(
        authparam_list(STR("rspauth=\"ab\", qop=auth"), AUTHPARAM_TOLERANT, &unescaped, &params),
        AUTHPARAM_OK);
    assert_int_equal(params.count, 2);
    assert_true(str_equal(authparam_find(&params, STR("RSPAUTH"))->value, STR("ab")));
    assert_null(authparam_find(&params, STR("rspaut")));
    assert_int_equal(authparam_list(STR(""), AUTHPARAM_TOLERANT, &unescaped, &params),
                     AUTHPARAM_OK);
    assert_int_equal(authparam_list(STR_NONE, AUTHPARAM_TOLERANT, &unescaped, &params),
                     AUTHPARAM_OK);
    assert_int_equal(
        authparam_list(STR("a=1, Digest b=2"), AUTHPARAM_TOLERANT, &unescaped, &params),
        AUTHPARAM_MALFORMED);
    assert_int_equal(authparam_list(STR("Digest b=2"), AUTHPARAM_TOLERANT, &unescaped, &params),
                     AUTHPARAM_MALFORMED);
}

static void what_is_quoted_reads_back(void **state) {
    (void)state;
    static const char *const values[] = {"", "plain", "\"", "\\", "a\\\"b", "\xc3\xa4 , =", "\\\\"};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[64];
        char memory[64];
        struct outbuf out;
        struct outbuf unescaped;
        struct authparams params;
        outbuf_init(&out, text, sizeof(text));
        outbuf_init(&unescaped, memory, sizeof(memory));
        authparam_put_quoted(&out, STR("name"), str_of(values[i]));
        assert_int_equal(authparam_list(outbuf_str(&out), AUTHPARAM_STRICT, &unescaped, &params),
                         AUTHPARAM_OK);
        assert_true(str_equal(params.items[0].value, str_of(values[i])));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(C02_V12_read_alike_in_both_modes),
        cmocka_unit_test(C02_phones_leave_quotes_off),
        cmocka_unit_test(bounds),
        cmocka_unit_test(C09_lists_without_a_scheme),
        cmocka_unit_test(what_is_quoted_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
