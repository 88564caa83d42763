#include "proxy/record/record.h"

#include <string.h>
#include <time.h>

#include "policy/base/bytes.h"

#define RECORD_USUAL 2048
#define RECORD_MAX   131072 /* every field at its longest, each octet escaped to six */
/* What a stranger can put into one field. */
#define TEXT_MAX    512
#define KEYS_MAX    32
#define KEY_MAX_LEN 64

static void put_octet(struct outbuf *out, unsigned char c, bool utf8) {
    if (c == '"' || c == '\\') {
        outbuf_char(out, '\\');
        outbuf_char(out, (char)c);
    } else if (c < 0x20 || c == 0x7f) {
        outbuf_put(out, STR("\\u00"));
        outbuf_hex(out, &c, 1);
    } else if (c >= 0x80 && !utf8) {
        outbuf_put(out, STR("\\ufffd"));
    } else {
        outbuf_char(out, (char)c);
    }
}

/* JSON string contents (RFC 8259 section 7); octets that are not UTF-8 become U+FFFD, so a record
 * is always readable. Nearly every text is plain and goes in one piece. */
static void put_escaped(struct outbuf *out, struct str s) {
    size_t plain = str_plain(s);
    outbuf_put(out, str_part(s, 0, plain));
    if (plain == s.len) return;
    bool utf8 = str_is_utf8(s);
    for (size_t i = plain; i < s.len; i++) put_octet(out, (unsigned char)s.ptr[i], utf8);
}

/* A member's name with what stands around it. The first member is `ts`, so each of these follows
 * another one. */
#define KEY(name) STR(",\"" name "\":")

static void put_str(struct outbuf *out, struct str key, struct str value) {
    if (value.len == 0) return;
    outbuf_put(out, key);
    outbuf_char(out, '"');
    put_escaped(out, str_part(value, 0, TEXT_MAX));
    outbuf_char(out, '"');
}

/* A word of the program's own, in which nothing is to be escaped; NULL or empty: none. */
static void put_word(struct outbuf *out, struct str key, const char *word) {
    struct str value = str_of(word);
    if (value.len == 0) return;
    outbuf_put(out, key);
    outbuf_char(out, '"');
    outbuf_put(out, value);
    outbuf_char(out, '"');
}

static void put_num(struct outbuf *out, struct str key, int64_t value) {
    if (value < 0) return;
    outbuf_put(out, key);
    outbuf_u64(out, (uint64_t)value);
}

static void put_digits(struct outbuf *out, int value, int count, char end) {
    char text[5];
    text[count] = end;
    for (int i = count - 1; i >= 0; i--) {
        text[i] = (char)('0' + value % 10);
        value /= 10;
    }
    outbuf_put(out, (struct str){text, (size_t)count + 1});
}

/* UTC in milliseconds (RFC 3339). */
static void put_time(struct outbuf *out) {
    struct timespec now;
    struct tm t;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &t);
    outbuf_put(out, STR("\"ts\":\""));
    put_digits(out, t.tm_year + 1900, 4, '-');
    put_digits(out, t.tm_mon + 1, 2, '-');
    put_digits(out, t.tm_mday, 2, 'T');
    put_digits(out, t.tm_hour, 2, ':');
    put_digits(out, t.tm_min, 2, ':');
    put_digits(out, t.tm_sec, 2, '.');
    put_digits(out, (int)(now.tv_nsec / 1000000), 3, 'Z');
    outbuf_char(out, '"');
}

/* Names only. A piece without '=' that follows a ';' may be part of a value (key=1;2;3), so it is
 * left out. */
static void put_query_keys(struct outbuf *out, struct str query) {
    struct str piece;
    unsigned count = 0;
    outbuf_put(out, KEY("query_keys"));
    outbuf_char(out, '[');
    while (str_split(&query, '&', &piece) && count < KEYS_MAX) {
        struct str part;
        bool first = true;
        while (str_split(&piece, ';', &part) && count < KEYS_MAX) {
            size_t mark = str_find(part, '=', 0);
            bool named = first || mark < part.len;
            first = false;
            if (!named || part.len == 0) continue;
            if (count++ > 0) outbuf_char(out, ',');
            outbuf_char(out, '"');
            put_escaped(out, str_part(part, 0, mark < KEY_MAX_LEN ? mark : KEY_MAX_LEN));
            outbuf_char(out, '"');
        }
    }
    outbuf_char(out, ']');
}

static void put_claimed(struct outbuf *out, const struct record *r) {
    const struct authn_result *authn = &r->decision->authn;
    if (authn->claimed.len == 0 || r->decision->user != NULL) return;
    if (authn->claimed_is_known) {
        put_str(out, KEY("user_claimed"), authn->claimed);
        return;
    }
    uint8_t mac[32];
    if (!hash_hmac_sha256(r->hasher, r->claim_key, authn->claimed, mac)) return;
    outbuf_put(out, KEY("user_claimed"));
    outbuf_char(out, '"');
    outbuf_hex(out, mac, 8);
    outbuf_put(out, STR("\",\"user_claimed_hashed\":true"));
}

/* Why a grant that names this person and this phone did not count. */
static void put_missed(struct outbuf *out, const struct grant_missed *missed) {
    char memory[TEXT_MAX];
    struct outbuf place;
    outbuf_init(&place, memory, sizeof(memory));
    outbuf_put(&place, missed->grant->file);
    outbuf_char(&place, ':');
    outbuf_u64(&place, missed->grant->line);
    put_word(out, KEY("lapsed"), grant_limit_str(missed->limit));
    if (!place.full) put_str(out, KEY("lapsed_grant"), outbuf_str(&place));
}

static void put_strs(struct outbuf *out, struct str key, const struct str *list, size_t count) {
    outbuf_put(out, key);
    outbuf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) outbuf_char(out, ',');
        outbuf_char(out, '"');
        put_escaped(out, list[i]);
        outbuf_char(out, '"');
    }
    outbuf_char(out, ']');
}

/* What was let through, by name: changes.h. */
static void put_changes(struct outbuf *out, const struct changes *c) {
    put_strs(out, KEY("changed"), c->names, c->count);
    if (c->value_count > 0) put_strs(out, KEY("changed_values"), c->values, c->value_count);
    if (c->more) outbuf_put(out, STR(",\"changed_more\":true"));
    if (c->unseen) outbuf_put(out, STR(",\"changed_unseen\":true"));
}

static void put_decision(struct outbuf *out, const struct record *r) {
    const struct decision *d = r->decision;
    if (d->user != NULL) put_str(out, KEY("user"), d->user->name);
    put_claimed(out, r);
    put_str(out, KEY("role"), d->role);
    if (d->user != NULL) put_str(out, KEY("digest_alg"), hash_name(d->authn.algorithm));
    if (d->asked_phone != NULL) {
        put_str(out, KEY("phone_id"), d->asked_phone->id);
        put_str(out, KEY("phone_model"), d->asked_phone->profile->name);
    }
    if (d->rule != NULL) put_str(out, KEY("rule_id"), d->rule->name);
    if (d->rule != NULL) put_str(out, KEY("class"), d->rule->class);
    put_str(out, KEY("exception"), d->exception);
    if (d->changes.possible) put_changes(out, &d->changes);
    if (d->verdict == DECIDE_DENY && d->missed.grant != NULL) put_missed(out, &d->missed);
    if (d->origin.verdict == ORIGIN_UNCHECKED) return;
    put_word(out, KEY("origin"), origin_verdict_str(d->origin.verdict));
    put_str(out, KEY("origin_site"), d->origin.from);
}

/* The canonical path where there is one: it is what the phone was or would have been asked for. */
static void put_request(struct outbuf *out, const struct record *r) {
    const struct request_view *view = r->view;
    put_str(out, KEY("method"), view->method_name);
    put_str(out, KEY("host"), view->authority);
    bool canonical = r->decision != NULL && r->decision->path.decoded.len > 0;
    put_str(out, KEY("path"), canonical ? r->decision->path.decoded : view->path);
    if (view->query.ptr != NULL) put_query_keys(out, view->query);
    if (view->body == BODY_NONE) return;
    outbuf_put(out, STR(",\"body\":true")); /* there was one: phonegate replay has to know */
}

static void compose(struct outbuf *out, const struct record *r) {
    put_time(out);
    put_word(out, KEY("event"), r->event);
    put_word(out, KEY("outcome"), r->outcome);
    put_word(out, KEY("reason"), r->reason);
    put_str(out, KEY("src_ip"), r->src_ip);
    put_num(out, KEY("src_port"), r->src_port);
    put_num(out, KEY("conn_id"), (int64_t)r->conn_id);
    if (r->request_id > 0) put_num(out, KEY("req_id"), (int64_t)r->request_id);
    put_word(out, KEY("tls_version"), r->tls_version);
    put_word(out, KEY("tls_cipher"), r->tls_cipher);
    if (r->decision != NULL) put_decision(out, r);
    put_str(out, KEY("phone_addr"), r->phone_addr);
    put_str(out, KEY("upstream_account"), r->phone_account);
    if (r->view != NULL) put_request(out, r);
    put_str(out, KEY("policy_version"), r->policy_version);
    if (r->status > 0) put_num(out, KEY("status"), r->status);
    if (r->phone_status > 0) put_num(out, KEY("upstream_status"), r->phone_status);
    put_word(out, KEY("cache"), r->cache);
    put_num(out, KEY("bytes_in"), (int64_t)r->bytes_in);
    put_num(out, KEY("bytes_out"), (int64_t)r->bytes_out);
    put_num(out, KEY("dur_ms"), r->total_ms);
    put_num(out, KEY("queue_ms"), r->queue_ms);
    put_num(out, KEY("connect_ms"), r->connect_ms);
    put_num(out, KEY("first_byte_ms"), r->first_byte_ms);
    outbuf_char(out, '}');
}

/* Apart, because so large a frame costs at each call, used or not. */
__attribute__((noinline)) static void write_long(struct access_log *log, const struct record *r) {
    char memory[RECORD_MAX];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    compose(&out, r);
    access_log_add(log, outbuf_str(&out));
}

void record_write(struct access_log *log, const struct record *r) {
    char memory[RECORD_USUAL];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    compose(&out, r);
    if (out.full)
        write_long(log, r);
    else
        access_log_add(log, outbuf_str(&out));
}
