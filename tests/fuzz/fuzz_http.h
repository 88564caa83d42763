/* fuzz_http.h: what the three HTTP fuzzers share: llhttp as the other reader of the same octets. */
#ifndef TESTS_FUZZ_FUZZ_HTTP_H
#define TESTS_FUZZ_FUZZ_HTTP_H

#include <llhttp.h>
#include <string.h>

#include "tests/unit/http_run.h"

#define FUZZ_HTTP_MAX 8192 /* octets of an input; longer ones are cut */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct other_reader {
    llhttp_t parser;
    bool head_request; /* the answer to HEAD has no body */
    bool complete;
    char body[FUZZ_HTTP_MAX];
    size_t body_len;
};

static inline struct other_reader *other_reader_of(llhttp_t *parser) {
    return container_of(parser, struct other_reader, parser);
}

static inline int other_on_head(llhttp_t *parser) {
    return other_reader_of(parser)->head_request ? 1 : 0;
}

static inline int other_on_body(llhttp_t *parser, const char *at, size_t len) {
    struct other_reader *o = other_reader_of(parser);
    memcpy(o->body + o->body_len, at, len);
    o->body_len += len;
    return 0;
}

static inline int other_on_complete(llhttp_t *parser) {
    other_reader_of(parser)->complete = true;
    return HPE_PAUSED;
}

/* llhttp reads all octets up to the end of the first message; false when it refuses them. */
static inline bool other_read(struct other_reader *o, llhttp_type_t type, struct str text) {
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_headers_complete = other_on_head;
    settings.on_body = other_on_body;
    settings.on_message_complete = other_on_complete;
    o->complete = false;
    o->body_len = 0;
    llhttp_init(&o->parser, type, &settings);
    llhttp_errno_t error = llhttp_execute(&o->parser, text.ptr, text.len);
    return error == HPE_OK || error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE;
}

/* `run` read the octets as one message. Another reader that reads them too reads the same body, and
 * is done where we are done; that it refuses them is its right. */
static inline void other_must_agree(const struct http_run *run, llhttp_type_t type, bool head,
                                    struct str text) {
    static struct other_reader o;
    o.head_request = head;
    struct str message = str_part(text, 0, text.len - run->rest.len);
    if (!other_read(&o, type, message)) return;
    ENSURE(o.body_len == run->decoded_len && memcmp(o.body, run->decoded, o.body_len) == 0);
    ENSURE(o.complete == (run->end == RUN_DONE));
    if (message.len == 0 || run->end != RUN_DONE) return;
    /* Without its last octet it is complete for nobody. */
    if (other_read(&o, type, str_part(message, 0, message.len - 1))) ENSURE(!o.complete);
}

/* Every position in short inputs, some in long ones. */
static inline size_t fuzz_next_cut(size_t at, size_t len) {
    return at + (len < 512 ? 1 : 1 + len / 64);
}

/* Limits that a short input can reach, or the defaults. */
static inline struct http_limits fuzz_limits(uint8_t choice) {
    struct http_limits small = {choice - 108u, choice % 7, choice % 50};
    return choice < 128 ? http_run_limits : small; /* heads of 20 to 147 octets */
}

static inline bool fuzz_all(struct str s, bool (*good)(unsigned char)) {
    for (size_t i = 0; i < s.len; i++) {
        if (!good((unsigned char)s.ptr[i])) return false;
    }
    return true;
}

static inline bool fuzz_is_field_octet(unsigned char c) {
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/* Names are tokens, values are trimmed and hold no octet that ends a line. */
static inline void fuzz_check_fields(const struct header *headers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ENSURE(headers[i].name.len > 0);
        for (size_t j = 0; j < headers[i].name.len; j++)
            ENSURE(ascii_is_tchar(headers[i].name.ptr[j]));
        ENSURE(fuzz_all(headers[i].value, fuzz_is_field_octet));
        ENSURE(str_trim(headers[i].value).len == headers[i].value.len);
    }
}

#endif
