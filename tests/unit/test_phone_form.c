/* Logging in to a form as pure text: placeholders, values, cookies, what answers mean (R19, R22).
 */
#include "policy/auth/phone_form.h"

#include "tests/unit/auth_helper.h"

static struct hasher *hasher;

static int open_hasher(void **state) {
    (void)state;
    hasher = hasher_new();
    return 0;
}

static int close_hasher(void **state) {
    (void)state;
    hasher_free(hasher);
    return 0;
}

static void assert_text(struct str got, const char *want) {
    if (str_equal(got, str_of(want))) return;
    fail_msg("got \"" STR_FMT "\", wanted \"%s\"", STR_ARG(got), want);
}

/* ---- placeholders ---- */

static struct phone_form_account account_of(const char *user, const char *password) {
    return (struct phone_form_account){hasher, str_of(user), str_of(password)};
}

static struct phone_form_run run_with(const char *name, const char *value) {
    struct phone_form_run run = {.value_count = 1};
    run.values[0].name = str_of(name);
    run.values[0].len = strlen(value);
    memcpy(run.values[0].text, value, strlen(value));
    return run;
}

static void fill_one(const char *value, const char *want, enum hash_alg alg, const char *hashed) {
    char text[512], expected[512], hex[65] = "";
    struct phone_form_field field = {STR("f"), str_of(value)};
    struct phone_form_step step = {.post = true, .fields = &field, .field_count = 1};
    struct phone_form_account account = account_of("ad min", "p&w=");
    struct phone_form_run run = run_with("nonce", "0a1B");
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    bool good = phone_form_body(&step, &account, &run, &out);
    if (want == NULL) {
        if (good) fail_msg("%s was filled in", value);
        return;
    }
    if (hashed != NULL) hex_of(alg, hex, "%s", hashed);
    (void)snprintf(expected, sizeof(expected), "f=%s%s", want, hex);
    if (!good) fail_msg("%s was not filled in", value);
    assert_text(outbuf_str(&out), expected);
}

static void placeholders(void **state) {
    (void)state;
    fill_one("plain", "plain", HASH_MD5, NULL);
    fill_one("{user}", "ad%20min", HASH_MD5, NULL);
    fill_one("{password}", "p%26w%3D", HASH_MD5, NULL);
    fill_one("a{nonce}b", "a0a1Bb", HASH_MD5, NULL);
    fill_one("{md5(user:password:nonce)}", "", HASH_MD5, "ad min:p&w=:0a1B");
    fill_one("{user}:{md5(user:password:nonce)}", "ad%20min%3A", HASH_MD5, "ad min:p&w=:0a1B");
    fill_one("{sha256(password+nonce)}", "", HASH_SHA256, "p&w=0a1B");
    fill_one("{sha256(user)}", "", HASH_SHA256, "ad min");
    fill_one("{md5(user+nonce:password)}", "", HASH_MD5, "ad min0a1B:p&w=");
    fill_one("{other}", NULL, HASH_MD5, NULL);
    fill_one("{md5(other)}", NULL, HASH_MD5, NULL);
    fill_one("{user", NULL, HASH_MD5, NULL);
    fill_one("user}", NULL, HASH_MD5, NULL);
    fill_one("{}", NULL, HASH_MD5, NULL);
    fill_one("{user:password}", NULL, HASH_MD5, NULL);
}

static void checks_of_placeholders(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool good, password;
    } rows[] = {
        {"plain", true, false},
        {"{user}", true, false},
        {"{nonce}", true, false},
        {"{password}", true, true},
        {"{sha256(password+nonce)}", true, true},
        {"{md5(user:nonce)}", true, false},
        {"{md5(user:user:user:password)}", true, true},
        {"{md5(user:user:user:user:user)}", false, false},
        {"{later}", false, false},
        {"{md5(later)}", false, false},
        {"{sha1(user)}", false, false},
        {"{md5(user}", false, false},
        {"{md5()}", false, false},
        {"{md5(user:)}", false, false},
        {"{user:nonce}", false, false},
        {"{", false, false},
        {"}", false, false},
        {"{}", false, false},
        {"{{user}}", false, false},
    };
    const struct str names[] = {STR("nonce")};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool password = false;
        const char *problem = phone_form_check(str_of(rows[i].value), names, 1, &password);
        if ((problem == NULL) != rows[i].good) fail_msg("%s: %s", rows[i].value, problem);
        if (rows[i].good) assert_int_equal(password, rows[i].password);
    }
}

static void several_fields_and_a_full_buffer(void **state) {
    (void)state;
    const struct phone_form_field fields[] = {{STR("language"), STR("1")},
                                              {STR("pass word"), STR("{password}")}};
    struct phone_form_step step = {.post = true, .fields = fields, .field_count = 2};
    struct phone_form_account account = account_of("u", "0000");
    struct phone_form_run run = {.value_count = 0};
    char text[64];
    struct outbuf out;
    outbuf_init(&out, text, sizeof(text));
    assert_true(phone_form_body(&step, &account, &run, &out));
    assert_text(outbuf_str(&out), "language=1&pass%20word=0000");
    outbuf_init(&out, text, out.len - 1);
    assert_false(phone_form_body(&step, &account, &run, &out));
}

/* ---- answers ---- */

static enum phone_form_verdict head(const struct phone_form *form,
                                    const struct phone_form_step *step, unsigned status,
                                    const char *name, const char *value) {
    struct phone_form_run run = {.value_count = 0};
    struct header header = {str_of(name), str_of(value)};
    return phone_form_head(form, step, status, &header, name == NULL ? 0 : 1, &run);
}

static void heads_of_steps(void **state) {
    (void)state;
    struct phone_form form = {.step_count = 1};
    const struct str paths[] = {STR("/home.html"), STR("/security_advice.html")};
    struct phone_form_step page = {.status = 200};
    struct phone_form_step there = {.status = 200, .locations = paths, .location_count = 2};
    assert_int_equal(head(&form, &page, 200, NULL, NULL), PHONE_FORM_OK);
    assert_int_equal(head(&form, &page, 302, "Location", "/home.html"), PHONE_FORM_STATUS);
    assert_int_equal(head(&form, &page, 401, NULL, NULL), PHONE_FORM_STATUS);
    static const char *const good[] = {"/home.html",
                                       "home.html",
                                       "http://192.0.2.1/home.html",
                                       "HTTPS://phone:8443/home.html?x#y",
                                       "//phone/security_advice.html",
                                       "/home.html?id=1"};
    static const char *const bad[] = {"/login.html",
                                      "/home.html/",
                                      "/",
                                      "",
                                      "/x/home.html",
                                      "https://phone",
                                      "/login.html?to=/home.html"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        if (head(&form, &there, 302, "location", good[i]) != PHONE_FORM_OK) fail_msg("%s", good[i]);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (head(&form, &there, 303, "Location", bad[i]) != PHONE_FORM_LOCATION)
            fail_msg("%s", bad[i]);
    assert_int_equal(head(&form, &there, 302, NULL, NULL), PHONE_FORM_LOCATION);
    assert_int_equal(head(&form, &there, 200, NULL, NULL), PHONE_FORM_STATUS);
    assert_int_equal(head(&form, &page, 200, "Set-Cookie", "a=b c"), PHONE_FORM_COOKIE_LIMITS);
    assert_int_equal(head(&form, &page, 200, "Set-Cookie", "nonsense"), PHONE_FORM_OK);
}

static enum phone_form_verdict page(const struct phone_form *form, const char *text,
                                    struct phone_form_run *run) {
    struct phone_form_account account = account_of("u", "p");
    return phone_form_page(form, &form->steps[0], &account, str_of(text), run);
}

static void texts_of_steps(void **state) {
    (void)state;
    const struct phone_form_take take = {STR("t"), STR_NONE, STR("sid"), STR("sid")};
    struct phone_form_step step = {
        .takes = &take, .take_count = 1, .accepted = STR("success"), .refused = STR("wrong")};
    struct phone_form form = {.steps = &step, .step_count = 1};
    struct phone_form_run run = {.value_count = 0};
    assert_int_equal(page(&form, "success", &run), PHONE_FORM_NO_VALUE);
    assert_int_equal(page(&form, "\"sid\":\"1\"", &run), PHONE_FORM_NOT_ACCEPTED);
    assert_int_equal(page(&form, "success \"sid\":\"1\" wrong", &run), PHONE_FORM_REFUSED);
    assert_int_equal(page(&form, "success \"sid\":\"1\" \"sid\":\"2\"", &run),
                     PHONE_FORM_VALUES_DIFFER);
    assert_int_equal(page(&form, "success \"sid\":\"1 2\"", &run), PHONE_FORM_NO_VALUE);
    assert_int_equal(page(&form, "success \"sid\":\"1\"", &run), PHONE_FORM_NO_COOKIE);
    run = (struct phone_form_run){.value_count = 0};
    assert_true(phone_form_jar_put(&run.jar, STR("sid"), STR("7")));
    assert_int_equal(page(&form, "success", &run), PHONE_FORM_OK); /* from the cookie */
    assert_text((struct str){run.values[0].text, run.values[0].len}, "7");
    run = (struct phone_form_run){.value_count = PHONE_FORM_VALUES};
    assert_int_equal(page(&form, "success \"sid\":\"1\"", &run), PHONE_FORM_NO_VALUE);
}

static void values_have_a_limit(void **state) {
    (void)state;
    const struct phone_form_take take = {STR("t"), STR_NONE, STR("sid"), STR_NONE};
    struct phone_form_step steps[] = {{.takes = &take, .take_count = 1}, {.status = 200}};
    struct phone_form form = {.steps = steps, .step_count = 2};
    char text[400];
    for (size_t len = PHONE_FORM_VALUE_BYTES; len <= PHONE_FORM_VALUE_BYTES + 1; len++) {
        struct phone_form_run run = {.value_count = 0};
        (void)snprintf(text, sizeof(text), "\"sid\":\"%0*d\"", (int)len, 0);
        assert_int_equal(page(&form, text, &run),
                         len == PHONE_FORM_VALUE_BYTES ? PHONE_FORM_OK : PHONE_FORM_NO_VALUE);
    }
}

static void cookies_made_by_the_gate(void **state) {
    (void)state;
    const struct phone_form_take take = {STR("nonce"), STR("nonce"), STR_NONE, STR_NONE};
    const struct phone_form_field cookie = {STR("auth"), STR("{nonce}")};
    struct phone_form_step step = {
        .takes = &take, .take_count = 1, .cookies = &cookie, .cookie_count = 1};
    struct phone_form form = {.steps = &step, .step_count = 1};
    struct phone_form_run run = {.value_count = 0};
    assert_int_equal(page(&form, "<input name=nonce value=0a1B>", &run), PHONE_FORM_OK);
    assert_text(phone_form_jar_text(&run.jar), "auth=0a1B");
}

static void R22_only_named_cookies_are_kept(void **state) {
    (void)state;
    const struct str names[] = {STR("session")};
    const struct phone_form named = {.cookies = names, .cookie_count = 1},
                            all = {.cookie_count = 0};
    const struct header headers[] = {{STR("Set-Cookie"), STR("other=1; Domain=192.0.2.1")},
                                     {STR("set-cookie"), STR("session=2; Domain=192.0.2.1")},
                                     {STR("Cookie"), STR("third=3")}};
    struct phone_form_jar jar = {.count = 0};
    assert_true(phone_form_cookies(&named, headers, 3, &jar));
    assert_text(phone_form_jar_text(&jar), "session=2");
    jar = (struct phone_form_jar){.count = 0};
    assert_true(phone_form_cookies(&all, headers, 3, &jar));
    assert_text(phone_form_jar_text(&jar), "other=1; session=2");
}

static void answers_that_say_nobody_is_logged_in(void **state) {
    (void)state;
    const struct str paths[] = {STR("/login.html")}, texts[] = {STR("name=\"nonce\"")};
    struct phone_form form = {.logged_out = {.status = 403,
                                             .locations = paths,
                                             .location_count = 1,
                                             .texts = texts,
                                             .text_count = 1}};
    const struct phone_form silent = {.logged_out = {.status = 0}};
    const struct header to_login = {STR("Location"), STR("https://p/login.html?id=3")};
    const struct header to_home = {STR("Location"), STR("/home.html")};
    assert_true(phone_form_head_is_out(&form, 401, NULL, 0));
    assert_true(phone_form_head_is_out(&silent, 401, NULL, 0));
    assert_true(phone_form_head_is_out(&form, 403, NULL, 0));
    assert_false(phone_form_head_is_out(&silent, 403, NULL, 0));
    assert_false(phone_form_head_is_out(&form, 200, NULL, 0));
    assert_true(phone_form_head_is_out(&form, 302, &to_login, 1));
    assert_false(phone_form_head_is_out(&form, 200, &to_login, 1));
    assert_false(phone_form_head_is_out(&form, 302, &to_home, 1));
    assert_true(phone_form_text_is_out(&form, STR("<input name=\"nonce\">")));
    assert_false(phone_form_text_is_out(&form, STR("<input name=nonce>")));
    assert_false(phone_form_text_is_out(&form, STR("")));
    static const struct {
        const char *type;
        bool read;
    } rows[] = {{"text/html", true},
                {"application/json", true},
                {"", true},
                {"IMAGE/png", false},
                {"text/css; charset=utf-8", false},
                {"text/javascript", false},
                {"application/javascript", false},
                {"application/x-javascript", false},
                {"application/octet-stream", true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct header type = {STR("content-type"), str_of(rows[i].type)};
        if (phone_form_reads_text(&form, &type, 1) != rows[i].read) fail_msg("%s", rows[i].type);
        assert_false(phone_form_reads_text(&silent, &type, 1));
    }
    assert_true(phone_form_reads_text(&form, NULL, 0));
}

/* ---- one recipe, shared ---- */

static void the_same_recipe_has_the_same_digest(void **state) {
    (void)state;
    struct phone_form_field fields[] = {{STR("a"), STR("bc")}};
    struct phone_form_step steps[] = {{.post = true, .fields = fields, .field_count = 1}};
    struct phone_form *one = phone_form_new(), *two = phone_form_new();
    one->steps = two->steps = steps;
    one->step_count = two->step_count = 1;
    assert_true(phone_form_seal(one, hasher));
    assert_true(phone_form_seal(two, hasher));
    assert_memory_equal(one->digest, two->digest, 32);
    fields[0] = (struct phone_form_field){STR("ab"), STR("c")};
    assert_true(phone_form_seal(two, hasher));
    assert_memory_not_equal(one->digest, two->digest, 32);
    fields[0] = (struct phone_form_field){STR("a"), STR("bc")};
    two->logged_out.status = 403;
    assert_true(phone_form_seal(two, hasher));
    assert_memory_not_equal(one->digest, two->digest, 32);
    assert_ptr_equal(phone_form_hold(one), one);
    phone_form_release(one);
    phone_form_release(one);
    phone_form_release(two);
    phone_form_release(NULL);
    assert_null(phone_form_hold(NULL));
}

static void verdicts_have_names(void **state) {
    (void)state;
    for (int i = PHONE_FORM_OK; i <= PHONE_FORM_NO_COOKIE; i++)
        assert_string_not_equal(phone_form_verdict_str((enum phone_form_verdict)i), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placeholders),
        cmocka_unit_test(checks_of_placeholders),
        cmocka_unit_test(several_fields_and_a_full_buffer),
        cmocka_unit_test(heads_of_steps),
        cmocka_unit_test(texts_of_steps),
        cmocka_unit_test(values_have_a_limit),
        cmocka_unit_test(cookies_made_by_the_gate),
        cmocka_unit_test(R22_only_named_cookies_are_kept),
        cmocka_unit_test(answers_that_say_nobody_is_logged_in),
        cmocka_unit_test(the_same_recipe_has_the_same_digest),
        cmocka_unit_test(verdicts_have_names),
    };
    return cmocka_run_group_tests(tests, open_hasher, close_hasher);
}
