#include "proxy/run/people.h"

#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"

#define HEAD     "phonegate-people 1 "
#define LINE_MAX ((size_t)128)
/* Times are below 2^48 (nonce.h). */
#define TIME_MAX ((UINT64_C(1) << 48) - 1)

/* ---- writing ---- */

static void put_key(struct outbuf *out, uint64_t key) {
    uint8_t bytes[8];
    bytes_put_u64(bytes, key);
    outbuf_hex(out, bytes, sizeof(bytes));
}

static void put_time(struct outbuf *out, uint64_t ms) {
    outbuf_char(out, ' ');
    outbuf_u64(out, ms);
}

static void put_places(struct outbuf *out, struct lockout *lockout, size_t max) {
    struct lockout_known *known = calloc(max, sizeof(*known));
    ENSURE(known != NULL);
    size_t count = lockout_known_copy(lockout, known, max);
    for (size_t i = 0; i < count; i++) {
        outbuf_put(out, STR("place "));
        put_key(out, known[i].who.user);
        outbuf_char(out, ' ');
        outbuf_hex(out, known[i].who.address.bytes, sizeof(known[i].who.address.bytes));
        put_time(out, known[i].seen_ms);
        outbuf_char(out, '\n');
    }
    free(known);
}

static void put_sessions(struct outbuf *out, struct sessions *sessions, size_t max) {
    struct session_entry *entries = calloc(max, sizeof(*entries));
    uint64_t floor_ms;
    ENSURE(entries != NULL);
    size_t count = sessions_copy(sessions, entries, max, &floor_ms);
    outbuf_put(out, STR("floor"));
    put_time(out, floor_ms);
    outbuf_char(out, '\n');
    for (size_t i = 0; i < count; i++) {
        outbuf_put(out, STR("session "));
        put_key(out, entries[i].user);
        put_time(out, entries[i].not_before_ms);
        put_time(out, entries[i].since_ms);
        put_time(out, entries[i].last_ms);
        outbuf_char(out, '\n');
    }
    free(entries);
}

char *people_text(struct lockout *lockout, struct sessions *sessions, const uint64_t key[2],
                  size_t places_max, size_t sessions_max, size_t *len) {
    size_t room = (places_max + sessions_max + 2) * LINE_MAX;
    char *text = malloc(room); /* touched only as far as it is written */
    struct outbuf out;
    ENSURE(text != NULL);
    outbuf_init(&out, text, room);
    outbuf_put(&out, STR(HEAD));
    put_key(&out, key[0]);
    put_key(&out, key[1]);
    outbuf_char(&out, '\n');
    put_sessions(&out, sessions, sessions_max);
    put_places(&out, lockout, places_max);
    ENSURE(!out.full);
    *len = out.len;
    return text;
}

/* ---- reading ---- */

static bool take_key(struct str hex, uint64_t *key) {
    uint8_t bytes[8];
    if (!bytes_from_hex(hex, bytes, sizeof(bytes))) return false;
    *key = bytes_get_u64(bytes);
    return true;
}

/* The next word as a time, at most `now_ms`. */
static bool take_time(struct str *rest, uint64_t now_ms, uint64_t *ms) {
    struct str word;
    if (!str_split(rest, ' ', &word) || !str_to_u64(word, TIME_MAX, ms)) return false;
    if (*ms > now_ms) *ms = now_ms;
    return true;
}

bool people_key(struct str text, uint64_t key[2]) {
    const struct str head = STR(HEAD);
    struct str line = str_part(text, 0, str_find(text, '\n', 0));
    struct str hex = str_part(line, head.len, line.len);
    return str_starts_with(line, head) && take_key(str_part(hex, 0, 16), &key[0]) &&
           take_key(str_part(hex, 16, hex.len), &key[1]);
}

static bool load_place(struct str rest, struct lockout *lockout, uint64_t now_ms) {
    struct lockout_known known = {.seen_ms = 0};
    struct str user, address;
    if (!str_split(&rest, ' ', &user) || !take_key(user, &known.who.user) ||
        !str_split(&rest, ' ', &address) ||
        !bytes_from_hex(address, known.who.address.bytes, sizeof(known.who.address.bytes)) ||
        !take_time(&rest, now_ms, &known.seen_ms) || rest.ptr != NULL)
        return false;
    lockout_known_add(lockout, &known);
    return true;
}

static bool load_session(struct str rest, struct sessions *sessions, uint64_t now_ms) {
    struct session_entry e = {.user = 0};
    struct str user;
    if (!str_split(&rest, ' ', &user) || !take_key(user, &e.user) ||
        !take_time(&rest, now_ms, &e.not_before_ms) || !take_time(&rest, now_ms, &e.since_ms) ||
        !take_time(&rest, now_ms, &e.last_ms) || rest.ptr != NULL)
        return false;
    sessions_add(sessions, &e);
    return true;
}

static bool load_line(struct str line, struct lockout *lockout, struct sessions *sessions,
                      uint64_t now_ms) {
    struct str word, rest = line;
    uint64_t floor_ms;
    if (!str_split(&rest, ' ', &word)) return false;
    if (str_equal(word, STR("place"))) return load_place(rest, lockout, now_ms);
    if (str_equal(word, STR("session"))) return load_session(rest, sessions, now_ms);
    if (!str_equal(word, STR("floor")) || !take_time(&rest, now_ms, &floor_ms) || rest.ptr != NULL)
        return false;
    sessions_end_unknown(sessions, floor_ms);
    return true;
}

bool people_load(struct str text, struct lockout *lockout, struct sessions *sessions,
                 uint64_t now_ms) {
    struct str line;
    /* Every line ends; the first has been read. */
    if (text.len == 0 || text.ptr[text.len - 1] != '\n' || !str_split(&text, '\n', &line))
        return false;
    while (str_split(&text, '\n', &line)) {
        if (text.ptr == NULL && line.len == 0) return true; /* behind the last line end */
        if (!load_line(line, lockout, sessions, now_ms)) return false;
    }
    return true;
}
