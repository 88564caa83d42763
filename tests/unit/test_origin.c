/* origin: whose page made the client ask. The table tests/vectors/origin.txt says it row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "policy/access/origin.h"
#include "tests/unit/access_vectors.h"

struct question {
    struct request_view req;
    struct origin_place place;
    struct header headers[VECTOR_COLUMNS];
};

/* "METHOD HOST/PATH[?QUERY][+body]" */
static void read_request(struct vectors *v, struct str text, struct question *q) {
    size_t blank = str_find(text, ' ', 0);
    q->req.method_name = str_part(text, 0, blank);
    if (!method_from(q->req.method_name, &q->req.method))
        fail_msg("%s:%u: method", v->name, v->line);
    text = str_part(text, blank + 1, text.len);
    if (str_ends_with(text, STR("+body"))) {
        q->req.body = BODY_LENGTH;
        q->req.content_length = 4;
        text.len -= 5;
    }
    size_t slash = str_find(text, '/', 0);
    q->req.authority = str_part(text, 0, slash);
    q->req.target = str_part(text, slash, text.len);
    size_t mark = str_find(q->req.target, '?', 0);
    q->req.path = str_part(q->req.target, 0, mark);
    if (mark < q->req.target.len) q->req.query = str_part(q->req.target, mark + 1, text.len);
    q->place.shared = str_starts_with_icase(q->req.authority, STR("gate"));
    if (q->place.shared && str_starts_with(q->req.path, STR("/phone/")))
        q->place.phone = str_part(q->req.path, 7, str_find(q->req.path, '/', 7) - 7);
}

static void read_header(struct vectors *v, struct str text, struct question *q) {
    size_t colon = str_find(text, ':', 0);
    if (colon == text.len) fail_msg("%s:%u: no colon", v->name, v->line);
    q->headers[q->req.header_count++] =
        (struct header){str_part(text, 0, colon), str_trim(str_part(text, colon + 1, text.len))};
}

static void rows_of_the_table(void **state) {
    (void)state;
    static struct vectors v;
    struct arena arena;
    size_t rows = 0, seen[ORIGIN_SILENT + 1] = {0};
    arena_init(&arena, 65536);
    vectors_open(&v, "origin.txt");
    for (; vectors_next(&v); rows++) {
        struct question q = {0};
        struct origin found;
        q.req.headers = q.headers;
        read_request(&v, v.column[2], &q);
        for (size_t i = 3; i < v.count; i++) read_header(&v, v.column[i], &q);
        arena_reset(&arena);
        origin_check(&q.req, &q.place, &arena, &found);
        vectors_expect(&v, str_of(origin_verdict_str(found.verdict)), v.column[0]);
        vectors_expect(&v, origin_may_ask(&found) ? STR("yes") : STR("no"), v.column[1]);
        seen[found.verdict]++;
    }
    arena_release(&arena);
    assert_true(rows >= 140);
    for (size_t i = ORIGIN_OURS; i <= ORIGIN_SILENT; i++) assert_true(seen[i] > 0);
}

static struct origin ask(const struct header *headers, size_t count, struct arena *arena) {
    struct origin found;
    const struct request_view req = {
        .method = METHOD_POST,
        .authority = STR("gate.test"),
        .path = STR("/phone/101/"),
        .headers = headers,
        .header_count = count,
    };
    const struct origin_place place = {true, STR("101")};
    origin_check(&req, &place, arena, &found);
    return found;
}

/* What a record may show of another site: its name, never the page, never a password. */
static void the_site_is_named_without_its_page(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *from;
    } rows[] = {
        {"Origin", "https://evil.test", "https://evil.test"},
        {"Origin", "http://evil.test:81", "http://evil.test:81"},
        {"Origin", "null", ""},
        {"Origin", "https://gate.test", ""},
        {"Referer", "https://evil.test/secret/page?token=1", "https://evil.test"},
        {"Referer", "https://evil.test?token=1", "https://evil.test"},
        {"Referer", "https://evil.test#token", "https://evil.test"},
        {"Referer", "https://user:pw@evil.test/", ""},
        {"Referer", "data:text/html,secret", ""},
        {"Referer", "evil", ""},
        {"Referer", "", ""},
        {"Referer", "https://gate.test/phone/102/x?y", "https://gate.test"},
    };
    struct arena arena;
    arena_init(&arena, 65536);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct header header = {str_of(rows[i].name), str_of(rows[i].value)};
        struct origin found = ask(&header, 1, &arena);
        if (!str_equal(found.from, str_of(rows[i].from)))
            fail_msg("%s: got " STR_FMT, rows[i].value, STR_ARG(found.from));
    }
    arena_release(&arena);
}

static void each_field_is_told(void **state) {
    (void)state;
    static const struct header headers[] = {{{"Sec-Fetch-Site", 14}, {"same-origin", 11}},
                                            {{"Origin", 6}, {"null", 4}},
                                            {{"Referer", 7}, {"https://evil.test/", 18}}};
    struct arena arena;
    arena_init(&arena, 65536);
    struct origin found = ask(headers, 3, &arena);
    assert_string_equal(origin_sign_str(found.site), "ours");
    assert_string_equal(origin_sign_str(found.origin), "null");
    assert_string_equal(origin_sign_str(found.referer), "other");
    found = ask(NULL, 0, &arena);
    assert_string_equal(origin_sign_str(found.site), "absent");
    assert_int_equal(found.verdict, ORIGIN_SILENT);
    const struct header twice[] = {headers[0], headers[0]};
    assert_string_equal(origin_sign_str(ask(twice, 2, &arena).site), "malformed");
    arena_release(&arena);
}

/* Nothing was found out: nothing may be done. */
static void the_zero_value_may_do_nothing(void **state) {
    (void)state;
    const struct origin nothing = {0}, plain = {.plain = true};
    assert_false(origin_may_ask(&nothing));
    assert_false(origin_may_ask(&plain));
    assert_string_equal(origin_verdict_str(nothing.verdict), "unchecked");
    struct arena arena;
    arena_init(&arena, 0);
    const struct header referer = {{"Referer", 7}, {"https://gate.test/phone/101/", 28}};
    assert_int_equal(ask(&referer, 1, &arena).verdict, ORIGIN_OTHER_SITE);
    arena_release(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_the_table),
        cmocka_unit_test(the_site_is_named_without_its_page),
        cmocka_unit_test(each_field_is_told),
        cmocka_unit_test(the_zero_value_may_do_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
