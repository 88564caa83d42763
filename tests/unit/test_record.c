/* Records: one readable JSON object whatever was asked for, and nothing in it that is secret. */
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/access_fixture.h"

#include "proxy/record/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <jansson.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

#define LINE_MAX_LEN 131072

static const uint8_t claim_key[32] = {7};

struct bench {
    struct site site;
    struct hasher *hasher;
    struct request_view view;
    struct decision decision;
    struct record record;
    char path[64];
    char line[LINE_MAX_LEN];
};

static int make_bench(void **state) {
    struct bench *b = calloc(1, sizeof(*b));
    ENSURE(b != NULL);
    site_init(&b->site, &site_user_bob);
    b->hasher = hasher_new();
    b->view = site_request(&b->site, STR("GET"), STR("101.phones.example.com"), STR("/index.htm"));
    b->record = (struct record){
        .event = "request",
        .outcome = "denied",
        .reason = "no_rule",
        .src_ip = STR("192.0.2.7"),
        .src_port = 40000,
        .conn_id = 1,
        .request_id = 2,
        .view = &b->view,
        .decision = &b->decision,
        .policy_version = STR("0123456789abcdef"),
        .claim_key = claim_key,
        .hasher = b->hasher,
        .status = 403,
        .queue_ms = -1,
        .connect_ms = -1,
        .first_byte_ms = -1,
    };
    (void)snprintf(b->path, sizeof(b->path), "/tmp/phonegate-record-XXXXXX");
    int fd = mkstemp(b->path);
    if (fd < 0) return -1;
    *state = b;
    return close(fd);
}

static int remove_bench(void **state) {
    struct bench *b = *state;
    int rc = unlink(b->path);
    hasher_free(b->hasher);
    site_deinit(&b->site);
    free(b);
    return rc;
}

/* Write the record and read it back; b->line is its text. */
static json_t *written(struct bench *b) {
    struct access_log *log = access_log_open(b->path);
    assert_non_null(log);
    record_write(log, &b->record);
    access_log_free(log);
    FILE *file = fopen(b->path, "re");
    assert_non_null(file);
    size_t len = fread(b->line, 1, sizeof(b->line) - 1, file);
    b->line[len] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_int_equal(truncate(b->path, 0), 0);
    assert_ptr_equal(strchr(b->line, '\n'), b->line + len - 1); /* one line */
    json_error_t error;
    json_t *record = json_loads(b->line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (record == NULL) fail_msg("%s at %d of %zu", error.text, error.position, len);
    return record;
}

static const char *text_of(const json_t *record, const char *name) {
    const char *text = json_string_value(json_object_get(record, name));
    return text != NULL ? text : "(none)";
}

static bool has(const json_t *record, const char *name) {
    return json_object_get(record, name) != NULL;
}

static void ask(struct bench *b, struct str target) {
    b->view = site_request(&b->site, STR("GET"), STR("101.phones.example.com"), target);
    decide(&b->site.ctx, &b->view, &b->decision);
}

static void a_request_of_a_known_person(void **state) {
    struct bench *b = *state;
    ask(b, STR("/%69ndex.htm"));
    b->record.outcome = "allowed";
    b->record.reason = b->decision.reason;
    b->record.status = b->record.phone_status = 200;
    b->record.phone_addr = STR("192.0.2.101");
    b->record.phone_account = STR("gate");
    b->record.bytes_in = 10000000000;
    b->record.queue_ms = 0;
    json_t *r = written(b);
    assert_string_equal(text_of(r, "event"), "request");
    assert_string_equal(text_of(r, "reason"), "ok");
    assert_string_equal(text_of(r, "user"), "bob");
    assert_string_equal(text_of(r, "role"), "user");
    assert_string_equal(text_of(r, "phone_id"), "101");
    assert_string_equal(text_of(r, "phone_model"), "test");
    assert_string_equal(text_of(r, "rule_id"), "pages");
    assert_string_equal(text_of(r, "origin"), "silent");
    assert_false(has(r, "origin_site"));
    assert_string_equal(text_of(r, "path"), "/index.htm"); /* what the phone is asked for */
    assert_string_equal(text_of(r, "method"), "GET");
    assert_string_equal(text_of(r, "host"), "101.phones.example.com");
    assert_string_equal(text_of(r, "phone_addr"), "192.0.2.101");
    assert_string_equal(text_of(r, "upstream_account"), "gate");
    assert_int_equal(json_integer_value(json_object_get(r, "status")), 200);
    assert_int_equal(json_integer_value(json_object_get(r, "bytes_in")), 10000000000);
    assert_true(has(r, "queue_ms"));
    assert_false(has(r, "connect_ms"));
    assert_false(has(r, "user_claimed"));
    assert_false(has(r, "query_keys"));
    assert_false(has(r, "body"));
    json_decref(r);
}

static void a_connection_without_a_request(void **state) {
    struct bench *b = *state;
    b->record.event = "tls_refused";
    b->record.view = NULL;
    b->record.decision = NULL;
    b->record.request_id = 0;
    b->record.status = 0;
    json_t *r = written(b);
    assert_string_equal(text_of(r, "src_ip"), "192.0.2.7");
    assert_false(has(r, "method") || has(r, "path") || has(r, "user") || has(r, "status") ||
                 has(r, "req_id"));
    json_decref(r);
}

/* The other site by name, never the page or what its address says. */
static void a_request_that_another_site_forged(void **state) {
    struct bench *b = *state;
    site_header(&b->site, STR("Referer"), STR("https://evil.example/page?secret=1"));
    ask(b, STR("/index.htm?x=1"));
    b->record.reason = b->decision.reason;
    json_t *r = written(b);
    assert_string_equal(text_of(r, "reason"), "other_site");
    assert_string_equal(text_of(r, "origin"), "other_site");
    assert_string_equal(text_of(r, "origin_site"), "https://evil.example");
    assert_string_equal(text_of(r, "user"), "bob");
    assert_false(has(r, "rule_id"));
    assert_null(strstr(b->line, "secret"));
    json_decref(r);
}

static void expect_keys(struct bench *b, struct str query, const char *want) {
    b->view.query = query;
    json_t *r = written(b);
    char *keys = json_dumps(json_object_get(r, "query_keys"), JSON_COMPACT | JSON_ENSURE_ASCII);
    assert_non_null(keys);
    assert_string_equal(keys, want);
    free(keys);
    json_decref(r);
}

static void names_of_parameters_but_no_values(void **state) {
    struct bench *b = *state;
    expect_keys(b, STR(""), "[]");
    expect_keys(b, STR("http_pass=hunter2&l=geheim"), "[\"http_pass\",\"l\"]");
    expect_keys(b, STR("a=hunter2=hunter3&b"), "[\"a\",\"b\"]");
    expect_keys(b, STR("a=hunter2;b=geheim&&c="), "[\"a\",\"b\",\"c\"]");
    expect_keys(b, STR("=hunter2"), "[\"\"]");
    expect_keys(b, STR("a\"\\\x01=1"), "[\"a\\\"\\\\\\u0001\"]");
    expect_keys(b, STR("\xc3\xa4=1"), "[\"\\u00E4\"]");
    expect_keys(b, STR("\xff=1"), "[\"\\uFFFD\"]");
    assert_null(strstr(b->line, "hunter"));
}

/* Snom's key events: the digits are what somebody typed, a PIN perhaps. */
static void typed_keys_do_not_show(void **state) {
    struct bench *b = *state;
    expect_keys(b, STR("key=1;2;3;ENTER"), "[\"key\"]");
    expect_keys(b, STR("x=1&key=4;5"), "[\"x\",\"key\"]");
    expect_keys(b, STR("key=;7"), "[\"key\"]");
}

static void a_query_is_recorded_in_part(void **state) {
    struct bench *b = *state;
    char query[4096];
    struct outbuf out;
    outbuf_init(&out, query, sizeof(query));
    for (unsigned i = 0; i < 100; i++) outbuf_put(&out, STR("&n=1;m=2"));
    b->view.query = outbuf_str(&out);
    json_t *r = written(b);
    assert_int_equal(json_array_size(json_object_get(r, "query_keys")), 32);
    json_decref(r);
    memset(query, 'k', sizeof(query));
    b->view.query = (struct str){query, sizeof(query)};
    r = written(b);
    const json_t *keys = json_object_get(r, "query_keys");
    assert_int_equal(strlen(json_string_value(json_array_get(keys, 0))), 64);
    json_decref(r);
}

/* Longer than a record usually is: no less of it arrives. */
static void a_long_record_is_whole(void **state) {
    struct bench *b = *state;
    char query[32 * 3];
    struct outbuf out;
    outbuf_init(&out, query, sizeof(query));
    for (unsigned i = 0; i < 32; i++) outbuf_put(&out, STR("n\x01&"));
    char path[512];
    memset(path, '\x02', sizeof(path));
    b->decision.path.decoded = (struct str){path, sizeof(path)};
    b->view.query = outbuf_str(&out);
    json_t *r = written(b);
    assert_true(strlen(b->line) > 3000);
    assert_int_equal(json_array_size(json_object_get(r, "query_keys")), 32);
    assert_int_equal(strlen(text_of(r, "path")), sizeof(path));
    assert_true(has(r, "bytes_out"));
    json_decref(r);
}

/* People type passwords into name fields. */
static void an_unknown_name_is_hashed(void **state) {
    struct bench *b = *state;
    b->decision.authn.claimed = STR("hunter2");
    json_t *r = written(b);
    assert_null(strstr(b->line, "hunter2"));
    assert_int_equal(strlen(text_of(r, "user_claimed")), 16);
    assert_true(json_is_true(json_object_get(r, "user_claimed_hashed")));
    assert_false(has(r, "user"));
    json_t *again = written(b);
    assert_string_equal(text_of(r, "user_claimed"), text_of(again, "user_claimed"));
    json_decref(again);
    b->decision.authn.claimed = STR("hunter3");
    again = written(b);
    assert_string_not_equal(text_of(r, "user_claimed"), text_of(again, "user_claimed"));
    json_decref(again);
    json_decref(r);
}

static void a_known_name_is_shown_apart_from_a_proven_one(void **state) {
    struct bench *b = *state;
    b->decision.authn.claimed = STR("bob");
    b->decision.authn.claimed_is_known = true;
    json_t *r = written(b);
    assert_string_equal(text_of(r, "user_claimed"), "bob");
    assert_false(has(r, "user") || has(r, "user_claimed_hashed"));
    json_decref(r);
    b->decision.user = &site_user_bob;
    r = written(b);
    assert_string_equal(text_of(r, "user"), "bob");
    assert_false(has(r, "user_claimed"));
    json_decref(r);
}

/* Every field that others fill, full of one octet: always one readable object. */
static void any_octet_anywhere_is_readable(void **state) {
    struct bench *b = *state;
    char text[4096];
    struct user person = site_user_bob;
    struct profile profile = site_profile;
    struct policy_phone phone = site_phones[0];
    struct rule rule = site_rules[0];
    struct str full = {text, sizeof(text)};
    person.name = profile.name = phone.id = rule.name = full;
    phone.profile = &profile;
    b->decision.asked_phone = &phone;
    b->decision.rule = &rule;
    b->decision.role = full;
    b->record.src_ip = b->record.phone_addr = b->record.phone_account = full;
    b->record.policy_version = full;
    b->view.method_name = b->view.authority = b->view.path = full;
    for (unsigned octet = 0; octet < 256; octet++) {
        memset(text, (int)octet, sizeof(text));
        for (size_t i = 63; i < sizeof(text) && octet == 0xff; i += 64) text[i] = '&';
        b->view.query = full;
        b->decision.user = octet % 2 == 0 ? &person : NULL;
        b->decision.authn.claimed = full;
        b->decision.authn.claimed_is_known = true;
        json_t *r = written(b);
        assert_true(has(r, "path") && has(r, "query_keys") && has(r, "bytes_out"));
        json_decref(r);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_bench, remove_bench)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_request_of_a_known_person),
        TEST(a_request_that_another_site_forged),
        TEST(a_connection_without_a_request),
        TEST(names_of_parameters_but_no_values),
        TEST(typed_keys_do_not_show),
        TEST(a_query_is_recorded_in_part),
        TEST(a_long_record_is_whole),
        TEST(an_unknown_name_is_hashed),
        TEST(a_known_name_is_shown_apart_from_a_proven_one),
        TEST(any_octet_anywhere_is_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
