#include "proxy/run/breakers.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>
#include <unistd.h>

#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"
#include "proxy/base/log.h"
#include "proxy/config/textfile.h"
#include "proxy/run/state.h"

#define HEAD          "phonegate-breakers 1 "
#define LINE_ROOM     ((size_t)80)
#define LINE_SHORTEST 29
/* More is no count of ours. */
#define COUNT_MAX 1000000
#define TIME_MAX  ((UINT64_C(1) << 48) - 1)

struct breakers {
    uv_timer_t timer;
    char *dir; /* owned; empty: none */
    uint8_t salt[PHONE_BREAKER_SALT];
    struct phone *const *phones;
    size_t count;
    struct phone_breaker *old; /* what was found at the start, until it is restored */
    size_t old_count;
    char *written; /* owned: the text that is on the disk, NULL: not known */
    bool failed;   /* the last write; it was said */
};

/* ---- writing ---- */

static void put_breaker(const struct phone_breaker *b, struct outbuf *out) {
    const uint64_t numbers[] = {b->candidate, b->rejections, b->unanswered, b->retry_ms};
    outbuf_hex(out, b->account, sizeof(b->account));
    outbuf_char(out, ' ');
    outbuf_hex(out, b->password, sizeof(b->password));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        outbuf_char(out, ' ');
        outbuf_u64(out, numbers[i]);
    }
    outbuf_char(out, '\n');
}

/* malloc'ed, with NUL behind it. */
static char *text_of(const struct breakers *b) {
    size_t room = (b->count * PHONE_ACCOUNTS + 2) * LINE_ROOM;
    char *text = malloc(room);
    struct outbuf out;
    ENSURE(text != NULL);
    outbuf_init(&out, text, room - 1);
    outbuf_put(&out, STR(HEAD));
    outbuf_hex(&out, b->salt, sizeof(b->salt));
    outbuf_char(&out, '\n');
    for (size_t i = 0; i < b->count * PHONE_ACCOUNTS; i++) {
        struct phone_breaker one;
        if (phone_breaker_of(b->phones[i / PHONE_ACCOUNTS],
                             (enum phone_account_kind)(i % PHONE_ACCOUNTS), b->salt, &one))
            put_breaker(&one, &out);
    }
    ENSURE(!out.full);
    text[out.len] = '\0';
    return text;
}

static void save_news(struct breakers *b) {
    char error[512];
    if (b->dir[0] == '\0') return;
    char *text = text_of(b);
    if (b->written != NULL && strcmp(b->written, text) == 0) {
        free(text);
        return;
    }
    bool good = state_write(b->dir, STATE_BREAKERS, str_of(text), error, sizeof(error));
    if (!good && !b->failed) log_event(LOG_ERROR, "state.write_failed", "error=%s", error);
    b->failed = !good;
    free(b->written);
    b->written = good ? text : NULL;
    if (!good) free(text);
}

static void on_timer(uv_timer_t *timer) {
    save_news(timer->data);
}

/* ---- reading ---- */

static bool take_number(struct str *rest, uint64_t max, uint64_t *number) {
    struct str word;
    return str_split(rest, ' ', &word) && str_to_u64(word, max, number);
}

static bool read_line(struct str rest, struct phone_breaker *b) {
    struct str account, password;
    uint64_t candidate, rejections, unanswered;
    if (!str_split(&rest, ' ', &account) || !str_split(&rest, ' ', &password) ||
        !bytes_from_hex(account, b->account, sizeof(b->account)) ||
        !bytes_from_hex(password, b->password, sizeof(b->password)) ||
        !take_number(&rest, CANDIDATE_LOST, &candidate) ||
        !take_number(&rest, COUNT_MAX, &rejections) ||
        !take_number(&rest, COUNT_MAX, &unanswered) || !take_number(&rest, TIME_MAX, &b->retry_ms))
        return false;
    b->candidate = (enum phone_candidate)candidate;
    b->rejections = (unsigned)rejections;
    b->unanswered = (unsigned)unanswered;
    return rest.ptr == NULL;
}

void breakers_restore(struct breakers *b, struct phone *const *phones, size_t count,
                      uint64_t now_ms) {
    for (size_t i = 0; b->old_count > 0 && i < count * PHONE_ACCOUNTS; i++) {
        const enum phone_account_kind kind = (enum phone_account_kind)(i % PHONE_ACCOUNTS);
        struct phone_breaker own;
        phone_breaker_name(phones[i / PHONE_ACCOUNTS], kind, b->salt, &own);
        for (size_t k = 0; k < b->old_count; k++)
            if (phone_breaker_same(&b->old[k], &own))
                phone_breaker_use(phones[i / PHONE_ACCOUNTS], kind, &b->old[k],
                                  now_ms + BREAKERS_RESTART_MS);
    }
    free(b->old);
    b->old = NULL;
    b->old_count = 0;
}

/* False where a line is wrong: what stood before it has been taken. */
static bool read_text(struct breakers *b, struct str text) {
    const struct str head = STR(HEAD);
    struct str line;
    if (!str_split(&text, '\n', &line) || !str_starts_with(line, head) ||
        !bytes_from_hex(str_part(line, head.len, line.len), b->salt, sizeof(b->salt)))
        return false;
    b->old = calloc(text.len / (LINE_SHORTEST) + 1, sizeof(*b->old)); /* no line is shorter */
    ENSURE(b->old != NULL);
    while (str_split(&text, '\n', &line)) {
        if (text.ptr == NULL) return line.len == 0; /* behind the last line's end */
        if (line.len < LINE_SHORTEST || !read_line(line, &b->old[b->old_count])) return false;
        b->old_count++;
    }
    return true;
}

static void read_file(struct breakers *b, const char *path) {
    struct textfile file = {.text = NULL};
    char error[256] = "not of this form";
    bool good = textfile_read(path, TEXTFILE_SECRET, BREAKERS_MAX, &file, error, sizeof(error)) &&
                read_text(b, (struct str){file.text, file.len});
    if (!good) log_event(LOG_ERROR, "state.breakers_lost", "file=%s error=%s", path, error);
    textfile_free(&file);
}

/* ---- life ---- */

struct breakers *breakers_open(uv_loop_t *loop, struct str dir) {
    struct breakers *b = calloc(1, sizeof(*b));
    ENSURE(b != NULL);
    b->dir = strndup(dir.len > 0 ? dir.ptr : "", dir.len);
    ENSURE(b->dir != NULL);
    int rc = RAND_bytes(b->salt, sizeof(b->salt));
    ENSURE(rc == 1);
    b->timer.data = b;
    uv_timer_init(loop, &b->timer);
    if (dir.len == 0) return b;
    char *path = state_path(b->dir, STATE_BREAKERS);
    if (access(path, F_OK) == 0 || errno != ENOENT)
        read_file(b, path);
    else
        b->written = text_of(b); /* no file is as good as one that says nothing */
    free(path);
    uv_timer_start(&b->timer, on_timer, BREAKERS_TICK_MS, BREAKERS_TICK_MS);
    return b;
}

void breakers_watch(struct breakers *b, struct phone *const *phones, size_t count) {
    b->phones = phones;
    b->count = count;
}

void breakers_stop(struct breakers *b) {
    uv_close((uv_handle_t *)&b->timer, NULL);
}

void breakers_free(struct breakers *b) {
    if (b == NULL) return;
    save_news(b);
    free(b->old);
    free(b->written);
    free(b->dir);
    free(b);
}
