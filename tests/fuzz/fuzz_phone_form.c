/* Any octets as what a phone answers to a form's login: the first line is Set-Cookie, the second a
 * Location, the rest the page. Whatever comes of it, what goes back to a phone is one Cookie field
 * without line ends and a form-encoded body, and nothing is longer than its limit. */
#include <string.h>

#include "policy/auth/phone_form.h"
#include "policy/auth/phone_form_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_jar(const struct phone_form_jar *jar) {
    struct str text = phone_form_jar_text(jar);
    size_t pairs = 0;
    struct str piece;
    ENSURE(text.len <= PHONE_FORM_JAR_BYTES && jar->count <= PHONE_FORM_COOKIES);
    for (size_t i = 0; i < text.len; i++) ENSURE(text.ptr[i] >= ' ' && text.ptr[i] < 0x7f);
    while (text.len > 0 && str_split(&text, ';', &piece)) {
        struct str pair = str_trim(piece);
        size_t equals = str_find(pair, '=', 0);
        struct str name = str_part(pair, 0, equals);
        struct str value = str_part(pair, equals + 1, pair.len);
        ENSURE(equals > 0 && value.len > 0);
        ENSURE(str_equal(phone_form_jar_get(jar, name), value));
        pairs++;
    }
    ENSURE(pairs == jar->count);
}

static void check_body(struct str body) {
    for (size_t i = 0; i < body.len; i++) {
        char c = body.ptr[i];
        ENSURE(ascii_is_alpha(c) || ascii_is_digit(c) || strchr("-._%=&", c) != NULL);
    }
}

/* What a take finds stands in the text, and a second look finds the same. */
static void check_found(enum phone_form_found found, struct str value, struct str text) {
    if (found != PHONE_FORM_FOUND || value.len == 0) return;
    ENSURE(value.ptr >= text.ptr && value.ptr + value.len <= text.ptr + text.len);
}

static const struct phone_form_take takes[] = {{{"t", 1}, {"nonce", 5}, {"sid", 3}, {"auth", 4}}};
static const struct phone_form_field cookies[] = {{{"auth", 4}, {"{t}", 3}}};
static const struct phone_form_field fields[] = {
    {{"a b", 3}, {"{user}:{md5(user:password:t)}", 29}},
    {{"c", 1}, {"{sha256(password+t)}{t}", 23}}};
static const struct str paths[] = {{"/home.html", 10}};
static const struct phone_form_step steps[] = {
    {.post = true,
     .path = {"/", 1},
     .takes = takes,
     .take_count = 1,
     .cookies = cookies,
     .cookie_count = 1,
     .status = 200},
    {.post = true, .path = {"/", 1}, .locations = paths, .location_count = 1},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = {(const char *)data, size};
    struct str set_cookie = STR_NONE, location = STR_NONE, value = STR_NONE;
    struct hasher *h = hasher_new();
    (void)str_split(&text, '\n', &set_cookie);
    (void)str_split(&text, '\n', &location);
    const struct header headers[] = {{STR("Set-Cookie"), set_cookie},
                                     {STR("Location"), location},
                                     {STR("Set-Cookie"), location}};
    struct phone_form form = {
        .steps = steps, .step_count = 2, .logged_out = {.locations = paths, .location_count = 1}};
    const struct phone_form_account account = {h, STR("us er"), STR("p&\xc3\xa4")};
    struct phone_form_run run = {.value_count = 0};
    char memory[2048];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    check_found(phone_form_read_field(text, STR("nonce"), &value), value, text);
    check_found(phone_form_read_json(text, STR("sid"), &value), value, text);
    (void)phone_form_head(&form, &steps[0], 200, headers, 3, &run);
    check_jar(&run.jar);
    if (phone_form_page(&form, &steps[0], &account, text, &run) == PHONE_FORM_OK) {
        ENSURE(run.value_count == 1 && run.jar.count > 0);
        ENSURE(phone_form_value_is_plain((struct str){run.values[0].text, run.values[0].len},
                                         PHONE_FORM_VALUE_BYTES));
        ENSURE(phone_form_body(&(struct phone_form_step){.fields = fields, .field_count = 2},
                               &account, &run, &out));
        check_body(outbuf_str(&out));
    }
    check_jar(&run.jar);
    bool taken = phone_form_head(&form, &steps[1], 302, headers, 3, &run) != PHONE_FORM_LOCATION;
    ENSURE(taken == phone_form_head_is_out(&form, 302, headers, 3));
    check_jar(&run.jar);
    bool password = false;
    if (phone_form_check(text, &takes[0].name, 1, &password) == NULL) {
        struct phone_form_field own = {STR("x"), text};
        outbuf_init(&out, memory, sizeof(memory));
        if (run.value_count == 1 &&
            phone_form_body(&(struct phone_form_step){.fields = &own, .field_count = 1}, &account,
                            &run, &out))
            check_body(outbuf_str(&out));
    }
    hasher_free(h);
    return 0;
}
