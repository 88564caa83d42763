#include "policy/access/asset.h"
#include "tests/unit/access_vectors.h"

static const struct str statics[] = {{"*.css", 5}, {"/img/*", 6}};
static const struct profile profile = {
    .case_insensitive_paths = true,
    .statics = statics,
    .static_count = ARRAY_LEN(statics),
};
static const struct asset_validators known = {
    .tag = {"\"pg-1\"", 6},
    .phone_tag = {"\"p\"", 3},
    .last_modified = {"Mon, 02 Nov 2026 10:00:00 GMT", 29},
};
static const struct asset_validators bare = {.tag = {"\"pg-1\"", 6}};

static size_t split_fields(struct str text, struct header *headers, size_t max) {
    size_t count = 0;
    struct str line;
    while (text.len > 0 && str_split(&text, '\n', &line)) {
        size_t colon = str_find(line, ':', 0);
        assert_true(colon < line.len && count < max);
        headers[count].name = str_part(line, 0, colon);
        headers[count++].value = str_trim(str_part(line, colon + 1, line.len));
    }
    return count;
}

/* "GET /a.css?v=1", "GET+body /a.css". */
static bool is_asked(struct str line, struct request_view *req) {
    size_t blank = str_find(line, ' ', 0);
    struct str method = str_part(line, 0, blank);
    struct str target = str_part(line, blank + 1, line.len);
    size_t mark = str_find(target, '?', 0);
    if (str_ends_with(method, STR("+body"))) {
        method.len -= 5;
        req->body = BODY_LENGTH;
    }
    assert_true(method_from(method, &req->method));
    if (mark < target.len) req->query = str_part(target, mark + 1, target.len);
    return asset_is_asked(&profile, req, str_part(target, 0, mark));
}

static bool answer(const struct vectors *v, struct request_view *req) {
    struct str question = v->column[0];
    uint64_t status;
    if (str_equal(question, STR("asked"))) return is_asked(v->column[1], req);
    if (str_equal(question, STR("fresh"))) return asset_wants_fresh(req);
    if (str_equal(question, STR("field"))) return asset_keeps_field(v->column[1]);
    if (str_equal(question, STR("held")))
        return asset_is_held(req, v->column[1].len > 0 ? &bare : &known);
    assert_true(str_equal(question, STR("keep")));
    assert_true(str_to_u64(v->column[1], 599, &status));
    return asset_may_keep((unsigned)status, req->headers, req->header_count);
}

static void the_table_says_what_is_asked_kept_and_held(void **state) {
    (void)state;
    struct vectors v;
    size_t rows = 0;
    vectors_open(&v, "asset.txt");
    for (; vectors_next(&v); rows++) {
        struct header headers[8];
        if (v.count != 4) fail_msg("%s:%u: %zu columns", v.name, v.line, v.count);
        struct request_view req = {.minor = 1, .headers = headers};
        req.header_count = split_fields(v.column[2], headers, ARRAY_LEN(headers));
        vectors_expect(&v, answer(&v, &req) ? STR("yes") : STR("no"), v.column[3]);
    }
    assert_true(rows > 100);
}

static void without_a_list_nothing_is_static(void **state) {
    (void)state;
    const struct profile none = {.case_insensitive_paths = true};
    const struct request_view req = {.method = METHOD_GET};
    assert_true(asset_is_asked(&profile, &req, STR("/a.css")));
    assert_false(asset_is_asked(&none, &req, STR("/a.css")));
}

static void case_counts_where_the_profile_says_so(void **state) {
    (void)state;
    struct profile strict = profile;
    const struct request_view req = {.method = METHOD_GET};
    strict.case_insensitive_paths = false;
    assert_true(asset_is_asked(&strict, &req, STR("/a.css")));
    assert_false(asset_is_asked(&strict, &req, STR("/A.CSS")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_what_is_asked_kept_and_held),
        cmocka_unit_test(without_a_list_nothing_is_static),
        cmocka_unit_test(case_counts_where_the_profile_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
