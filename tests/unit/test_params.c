#include <stdlib.h>

#include "policy/access/params.h"
#include "policy/base/outbuf.h"
#include "tests/unit/access_vectors.h"

static struct str type_of(struct str kind) {
    if (str_equal(kind, STR("form"))) return STR("application/x-www-form-urlencoded");
    if (str_equal(kind, STR("plain"))) return STR("text/plain; charset=UTF-8");
    if (str_equal(kind, STR("multi"))) return STR("multipart/form-data; boundary=b");
    return STR("application/octet-stream");
}

/* NAME, NAME=VALUE or, where readers would disagree about it, NAME=?; quotes around a name that
 * could be mistaken. */
static struct str shown(const struct param *param, struct arena *arena) {
    size_t cap = param->name.len + param->value.len + 6;
    char *text = arena_alloc(arena, cap);
    assert_non_null(text);
    bool quoted = param->name.len == 0 || params_has_any(param->name, "= ");
    struct outbuf out;
    outbuf_init(&out, text, cap);
    outbuf_put(&out, str_of(quoted ? "\"" : ""));
    outbuf_put(&out, param->name);
    outbuf_put(&out, str_of(quoted ? "\"" : ""));
    outbuf_put(&out, str_of(param->kind == PARAM_VALUE_NONE ? "" : "="));
    outbuf_put(&out, param->kind == PARAM_VALUE_UNCLEAR ? STR("?") : param->value);
    return outbuf_str(&out);
}

static int compare(const void *a, const void *b) {
    const struct str *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = len > 0 ? memcmp(x->ptr, y->ptr, len) : 0;
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* What was found, sorted, each once, between blanks. */
static struct str describe(const struct params *params, enum params_verdict verdict,
                           struct arena *arena, struct outbuf *out) {
    if (verdict != PARAMS_OK && verdict != PARAMS_UNKNOWN_BODY) {
        return str_of(params_verdict_str(verdict));
    }
    if (verdict == PARAMS_UNKNOWN_BODY) outbuf_put(out, STR("unknown:"));
    struct str *list = arena_alloc(arena, (params->count + 1) * sizeof(*list));
    assert_non_null(list);
    for (size_t i = 0; i < params->count; i++) list[i] = shown(&params->list[i], arena);
    if (params->count > 0) qsort(list, params->count, sizeof(*list), compare);
    for (size_t i = 0; i < params->count; i++) {
        if (i > 0 && str_equal(list[i], list[i - 1])) continue;
        if (i > 0) outbuf_char(out, ' ');
        outbuf_put(out, list[i]);
    }
    return outbuf_str(out);
}

static enum params_verdict read_row(const struct vectors *v, struct params *params,
                                    struct arena *arena) {
    if (str_equal(v->column[1], STR("query"))) {
        return params_add_urlencoded(params, v->column[2], arena);
    }
    return params_add_body(params, type_of(v->column[1]), v->column[2], arena);
}

static void U05_U06_R16_all_names_are_found(void **state) {
    (void)state;
    struct vectors v;
    struct arena arena;
    char text[8192];
    size_t rows = 0;
    arena_init(&arena, 1 << 16);
    vectors_open(&v, "params.txt");
    for (; vectors_next(&v); rows++) {
        assert_int_equal(v.count, 4);
        struct params params = {0};
        enum params_verdict verdict = read_row(&v, &params, &arena);
        struct outbuf out;
        outbuf_init(&out, text, sizeof(text));
        vectors_expect(&v, describe(&params, verdict, &arena, &out), v.column[3]);
        arena_reset(&arena);
    }
    assert_true(rows > 130);
    arena_release(&arena);
}

static void U06_kinds_of_bodies(void **state) {
    (void)state;
    static const struct {
        const char *type;
        enum params_body kind;
    } rows[] = {
        {"", PARAMS_BODY_UNKNOWN},
        {"application/x-www-form-urlencoded", PARAMS_BODY_URLENCODED},
        {"Application/X-WWW-Form-Urlencoded ; charset=\"UTF-8\"", PARAMS_BODY_URLENCODED},
        {"application/x-www-form-urlencoded; charset=utf-16", PARAMS_BODY_UNKNOWN},
        {"application/x-www-form-urlencoded; charset=utf-7", PARAMS_BODY_UNKNOWN},
        {"application/x-www-form-urlencodedx", PARAMS_BODY_UNKNOWN},
        {"text/plain", PARAMS_BODY_PLAIN},
        {"text/plain; charset=iso-8859-1", PARAMS_BODY_PLAIN},
        {"text/html", PARAMS_BODY_UNKNOWN},
        {"multipart/form-data; boundary=x", PARAMS_BODY_MULTIPART},
        {"multipart/form-data; boundary=\"x y\"", PARAMS_BODY_MULTIPART},
        {"multipart/form-data", PARAMS_BODY_UNKNOWN},
        {"multipart/form-data; boundary=", PARAMS_BODY_UNKNOWN},
        {"multipart/mixed; boundary=x", PARAMS_BODY_UNKNOWN},
        {"text/plain, application/x-www-form-urlencoded", PARAMS_BODY_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (params_body_kind(str_of(rows[i].type)) != rows[i].kind) fail_msg("%s", rows[i].type);
    }
}

/* Judging costs time for each octet of each name, so names must not overlap without end: a body of
 * one piece again and again is where they would. */
static void U06_the_names_of_a_body_are_no_longer_than_some_bodies(void **state) {
    (void)state;
    static const char *const kinds[] = {"form", "plain", "multi"};
    static const char *const pieces[] = {"name=",
                                         "name ",
                                         "name='",
                                         "name=\"",
                                         "name='name=\"",
                                         "name=\"'",
                                         "filename=",
                                         ";name=",
                                         ";name=\"",
                                         ";name*='",
                                         "<",
                                         "< ",
                                         "<a ",
                                         "<name=",
                                         "&",
                                         "?",
                                         "=",
                                         ":",
                                         ";",
                                         "%",
                                         "%26",
                                         "%3d",
                                         "a=",
                                         "a:",
                                         "a;b=",
                                         "a&b",
                                         "$",
                                         "'",
                                         "\"",
                                         "\\",
                                         " ",
                                         "\t",
                                         "\r\n ",
                                         "\n--b\n",
                                         "content-disposition:name=",
                                         "\ncontent-type:name=\"a",
                                         "\ncontent-disposition:;name="};
    enum { LEN = 1 << 16 };
    char *text = malloc(LEN);
    assert_non_null(text);
    for (size_t i = 0; i < ARRAY_LEN(kinds) * ARRAY_LEN(pieces) * 3; i++) {
        static const char *const begins[] = {"", "<", "Content-Disposition: form-data;"};
        struct str kind = str_of(kinds[i % 3]), begin = str_of(begins[i / 3 % 3]);
        struct str piece = str_of(pieces[i / 9]);
        struct arena arena;
        struct params params = {0};
        struct outbuf out;
        outbuf_init(&out, text, LEN);
        outbuf_put(&out, begin);
        while (out.len + piece.len < LEN) outbuf_put(&out, piece);
        arena_init(&arena, (size_t)1 << 28);
        assert_int_not_equal(params_add_body(&params, type_of(kind), outbuf_str(&out), &arena),
                             PARAMS_NO_MEMORY);
        size_t octets = 0;
        for (size_t n = 0; n < params.count; n++) octets += params.list[n].name.len;
        if (octets > 8 * (size_t)LEN || params.count > 4 * (size_t)LEN)
            fail_msg(STR_FMT " of " STR_FMT STR_FMT ": %zu names, %zu octets", STR_ARG(kind),
                     STR_ARG(begin), STR_ARG(piece), params.count, octets);
        arena_release(&arena);
    }
    free(text);
}

static void a_full_arena_is_never_a_short_list(void **state) {
    (void)state;
    for (size_t cap = 0; cap < 2800; cap += 16) {
        struct arena arena;
        struct params params = {0};
        arena_init(&arena, cap);
        enum params_verdict verdict = params_add_urlencoded(
            &params, STR("a=1&b=2;c%20d=3&e=4&f=5&g=%26h&i=6&j=7&k=8&settings=save"), &arena);
        bool found = false;
        for (size_t i = 0; i < params.count; i++) {
            found = found || str_equal(params.list[i].name, STR("settings"));
        }
        assert_true(verdict == PARAMS_OK ? found : verdict == PARAMS_NO_MEMORY);
        arena_release(&arena);
    }
    struct arena arena;
    struct params params = {0};
    arena_init(&arena, 64);
    assert_int_equal(params_add_body(&params, STR("text/plain"), STR("a:1\r\nb:2"), &arena),
                     PARAMS_NO_MEMORY);
    arena_release(&arena);
}

static void verdicts_have_names(void **state) {
    (void)state;
    assert_string_equal(params_verdict_str(PARAMS_OK), "ok");
    assert_string_equal(params_verdict_str(PARAMS_UNKNOWN_BODY), "body_unknown_type");
    assert_string_equal(params_verdict_str(PARAMS_NO_MEMORY), "no_memory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(U05_U06_R16_all_names_are_found),
        cmocka_unit_test(U06_kinds_of_bodies),
        cmocka_unit_test(U06_the_names_of_a_body_are_no_longer_than_some_bodies),
        cmocka_unit_test(a_full_arena_is_never_a_short_list),
        cmocka_unit_test(verdicts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
