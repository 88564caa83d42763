#include "policy/access/hdrfilter.h"
#include "tests/unit/access_vectors.h"

static const struct hdr_site by_host = {
    .route = ROUTE_HOST,
    .client_scheme_authority = {"https://101.example.com:8443", 28},
    .phone_authority = {"192.0.2.101", 11},
    .phone_scheme = {"https", 5},
};
static const struct hdr_site by_path = {
    .route = ROUTE_PATH,
    .prefix = {"/phone/101", 10},
    .client_scheme_authority = {"https://gate.example.com:8443", 29},
    .phone_authority = {"192.0.2.101", 11},
    .phone_scheme = {"https", 5},
};

static size_t split_fields(struct str text, struct header *headers, size_t max) {
    size_t count = 0;
    struct str line;
    while (str_split(&text, '\n', &line)) {
        size_t colon = str_find(line, ':', 0);
        assert_true(colon < line.len && count < max);
        headers[count].name = str_part(line, 0, colon);
        headers[count++].value = str_trim(str_part(line, colon + 1, line.len));
    }
    return count;
}

static void filter(bool to_phone, const struct header *headers, size_t count,
                   const struct hdr_site *site, struct outbuf *out) {
    if (to_phone) {
        struct request_view req = {.headers = headers, .header_count = count, .minor = 1};
        hdrfilter_request(&req, site, out);
    } else {
        hdrfilter_response(headers, count, site, out);
    }
}

/* The lines written, "\n" between them, Via taken off. */
static struct str written(const struct outbuf *out, char *text) {
    struct str all = outbuf_str(out);
    assert_false(out->full);
    assert_true(str_ends_with(all, STR("Via: 1.1 phonegate\r\n")));
    all.len -= strlen("Via: 1.1 phonegate\r\n");
    size_t len = 0;
    for (size_t i = 0; i < all.len; i++) {
        if (all.ptr[i] == '\r') continue;
        text[len++] = all.ptr[i];
    }
    return (struct str){text, len > 0 ? len - 1 : 0};
}

static void check_row(const struct vectors *v, const struct hdr_site *site) {
    struct header headers[8];
    char memory[4096], text[4096];
    struct outbuf out;
    struct str fields = v->column[3];
    size_t count = 0;
    if (str_find(v->column[3], '\x0a', 0) < v->column[3].len &&
        str_equal(v->column[0], STR("H19"))) {
        /* These rows are about the octet itself: one field, whatever stands in it. */
        size_t colon = str_find(fields, ':', 0);
        headers[0] = (struct header){str_part(fields, 0, colon),
                                     str_trim(str_part(fields, colon + 1, fields.len))};
        count = 1;
    } else {
        count = split_fields(fields, headers, ARRAY_LEN(headers));
    }
    outbuf_init(&out, memory, sizeof(memory));
    filter(str_equal(v->column[1], STR("to-phone")), headers, count, site, &out);
    vectors_expect(v, written(&out, text), v->column[4]);
}

static void H17_an_OPTIONS_request_has_one_hop_less_to_go(void **state) {
    (void)state;
    static const struct {
        enum method method;
        struct str hops;
        const char *line;
    } rows[] = {
        {METHOD_OPTIONS, {"5", 1}, "Max-Forwards: 4"},
        {METHOD_OPTIONS, {"1", 1}, "Max-Forwards: 0"},
        {METHOD_OPTIONS, {"18446744073709551615", 20}, "Max-Forwards: 18446744073709551614"},
        {METHOD_OPTIONS, {"0", 1}, ""}, /* answered by the gate itself */
        {METHOD_OPTIONS, {"-1", 2}, ""},
        {METHOD_OPTIONS, {"5, 6", 4}, ""},
        {METHOD_GET, {"5", 1}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char memory[256], text[256];
        struct header header = {STR("Max-Forwards"), rows[i].hops};
        struct request_view req = {
            .method = rows[i].method, .headers = &header, .header_count = 1, .minor = 1};
        struct outbuf out;
        outbuf_init(&out, memory, sizeof(memory));
        hdrfilter_request(&req, &by_host, &out);
        assert_true(str_equal(written(&out, text), str_of(rows[i].line)));
    }
}

static void H15_K01_to_K05_R22_fields_cross_as_the_table_says(void **state) {
    (void)state;
    struct vectors v;
    size_t rows = 0;
    vectors_open(&v, "hdrfilter.txt");
    for (; vectors_next(&v); rows++) {
        if (v.count != 5) fail_msg("%s:%u: %zu columns", v.name, v.line, v.count);
        bool both = str_equal(v.column[2], STR("both"));
        if (both || str_equal(v.column[2], STR("host"))) check_row(&v, &by_host);
        if (both || str_equal(v.column[2], STR("path"))) check_row(&v, &by_path);
    }
    assert_true(rows > 120);
}

/* The gate has a session of its own there: the phone's cookies stay here, the browser's stay away.
 */
static void R22_no_cookie_crosses_where_the_gate_logs_in_by_a_form(void **state) {
    (void)state;
    char memory[256];
    struct outbuf out;
    const struct header headers[] = {{STR("Cookie"), STR("auth=evil")},
                                     {STR("cOOkie"), STR("b=2")},
                                     {STR("Set-Cookie"), STR("auth=secret")},
                                     {STR("SET-COOKIE"), STR("c=3")},
                                     {STR("Accept"), STR("a/b")},
                                     {STR("ETag"), STR("x")}};
    struct request_view req = {.headers = headers, .header_count = ARRAY_LEN(headers), .minor = 1};
    struct hdr_site site = by_host;
    site.own_cookies = true;
    outbuf_init(&out, memory, sizeof(memory));
    hdrfilter_request(&req, &site, &out);
    assert_true(str_equal(outbuf_str(&out), STR("Accept: a/b\r\nVia: 1.1 phonegate\r\n")));
    outbuf_init(&out, memory, sizeof(memory));
    hdrfilter_response(headers, ARRAY_LEN(headers), &site, &out);
    assert_true(str_equal(outbuf_str(&out), STR("ETag: x\r\nVia: 1.1 phonegate\r\n")));
}

static void H16_via_names_the_version_that_came_in(void **state) {
    (void)state;
    char memory[256];
    struct outbuf out;
    struct request_view req = {.minor = 0};
    outbuf_init(&out, memory, sizeof(memory));
    hdrfilter_request(&req, &by_host, &out);
    assert_true(str_equal(outbuf_str(&out), STR("Via: 1.0 phonegate\r\n")));
}

static void a_phone_on_its_own_port_is_known_by_it(void **state) {
    (void)state;
    static const struct {
        const char *location, *want;
    } rows[] = {
        {"https://[2001:db8::1]:8443/a", "Location: /phone/101/a\r\n"},
        {"https://[2001:DB8::1]/a", "Location: /phone/101/a\r\n"},
        {"http://[2001:db8::1]/a", "Location: /phone/101/a\r\n"},
        {"//[2001:db8::1]:8443/a", "Location: /phone/101/a\r\n"},
        {"https://[2001:db8::1]:8444/a", "Location: https://[2001:db8::1]:8444/a\r\n"},
        {"https://[2001:db8::2]:8443/a", "Location: https://[2001:db8::2]:8443/a\r\n"},
    };
    struct hdr_site site = by_path;
    site.phone_authority = STR("[2001:db8::1]:8443");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char memory[256];
        struct outbuf out;
        struct header header = {STR("Location"), str_of(rows[i].location)};
        outbuf_init(&out, memory, sizeof(memory));
        hdrfilter_response(&header, 1, &site, &out);
        if (!str_starts_with(outbuf_str(&out), str_of(rows[i].want))) {
            fail_msg("%s: " STR_FMT, rows[i].location, STR_ARG(outbuf_str(&out)));
        }
    }
}

static void what_does_not_fit_is_marked(void **state) {
    (void)state;
    char memory[16];
    struct outbuf out;
    struct header header = {STR("Accept"), STR("text/html")};
    struct request_view req = {.minor = 1, .headers = &header, .header_count = 1};
    outbuf_init(&out, memory, sizeof(memory));
    hdrfilter_request(&req, &by_host, &out);
    assert_true(out.full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(H17_an_OPTIONS_request_has_one_hop_less_to_go),
        cmocka_unit_test(H15_K01_to_K05_R22_fields_cross_as_the_table_says),
        cmocka_unit_test(R22_no_cookie_crosses_where_the_gate_logs_in_by_a_form),
        cmocka_unit_test(H16_via_names_the_version_that_came_in),
        cmocka_unit_test(a_phone_on_its_own_port_is_known_by_it),
        cmocka_unit_test(what_does_not_fit_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
