#include "proxy/config/pins.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "policy/access/when.h"
#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"

#define PHONE_MAX 64
/* "PHONE HEX until TIME\n" */
#define LINE_MAX_LEN (PHONE_MAX + 1 + 2 * PIN_LEN + 7 + PINS_TIME_LEN + 1)

static const char *const problem_form = "this is no pin: write PHONE, 64 hexadecimal digits, and "
                                        "perhaps until TIME";

/* The next word; empty at the end. */
static struct str next_word(struct str *rest) {
    struct str word = STR_NONE;
    while (word.len == 0 && str_split(rest, ' ', &word)) continue;
    return word;
}

bool pins_read_line(struct str line, struct pin_line *pin, const char **problem) {
    int64_t until;
    *problem = NULL;
    *pin = (struct pin_line){.until_s = 0};
    if (str_ends_with(line, STR("\r"))) line.len--;
    pin->phone = next_word(&line);
    if (pin->phone.len == 0 || pin->phone.ptr[0] == '#') return false;
    *problem = problem_form;
    if (pin->phone.len > PHONE_MAX || !bytes_from_hex(next_word(&line), pin->pin, PIN_LEN))
        return false;
    struct str word = next_word(&line);
    if (word.len == 0) return true;
    if (!str_equal(word, STR("until")) || !when_parse(next_word(&line), false, &until) ||
        next_word(&line).len > 0)
        return false;
    pin->until_s = (uint64_t)until;
    return true;
}

void pins_time(uint64_t at_s, char text[PINS_TIME_LEN]) {
    struct tm t;
    time_t at = (time_t)at_s;
    gmtime_r(&at, &t);
    snprintf(text, PINS_TIME_LEN, "%04u-%02u-%02uT%02u:%02u:%02uZ",
             (unsigned)t.tm_year % 8099 + 1900, ((unsigned)t.tm_mon + 1) % 100,
             (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
             (unsigned)t.tm_sec % 100);
}

static void put_pin(struct outbuf *out, const struct pin_line *pin) {
    outbuf_put(out, pin->phone);
    outbuf_char(out, ' ');
    outbuf_hex(out, pin->pin, PIN_LEN);
    if (pin->until_s > 0) {
        char text[PINS_TIME_LEN];
        pins_time(pin->until_s, text);
        outbuf_put(out, STR(" until "));
        outbuf_put(out, str_of(text));
    }
    outbuf_char(out, '\n');
}

char *pins_add(struct str text, struct str phone, const uint8_t pin[PIN_LEN], uint64_t now_s,
               uint64_t window_s, size_t *len) {
    struct pin_line fresh = {.phone = phone}, old;
    const char *unused;
    struct str line;
    struct outbuf out;
    size_t lines = 2; /* ours, and a line's end that may be missing */
    for (size_t i = 0; i < text.len; i++) lines += text.ptr[i] == '\n';
    size_t room = text.len + lines * LINE_MAX_LEN;
    char *memory = malloc(room);
    ENSURE(memory != NULL && phone.len <= PHONE_MAX);
    memcpy(fresh.pin, pin, PIN_LEN);
    outbuf_init(&out, memory, room);
    while (str_split(&text, '\n', &line)) {
        if (line.len == 0 && text.ptr == NULL) break;
        if (!pins_read_line(line, &old, &unused) || !str_equal(old.phone, phone)) {
            outbuf_put(&out, line);
            outbuf_char(&out, '\n');
            continue;
        }
        if (old.until_s == 0 || old.until_s > now_s + window_s) old.until_s = now_s + window_s;
        if (old.until_s > now_s && memcmp(old.pin, pin, PIN_LEN) != 0) put_pin(&out, &old);
    }
    put_pin(&out, &fresh);
    ENSURE(!out.full);
    *len = out.len;
    return memory;
}
