/* What the gate writes is read back by a strict reader as exactly what was meant: the request to a
 * phone (line, Host, login, the fields that may cross, length) and the answer to a person (status,
 * fields, framing, body). Whatever octets names, values, targets and challenges have, no line, no
 * field and no second message comes of them. The first octet chooses. */
#include "policy/access/hdrfilter.h"
#include "policy/auth/phone_auth.h"
#include "proxy/http/http_write.h"
#include "tests/fuzz/fuzz_http.h"

#define FIELDS_MAX 64
#define WRITE_MAX  (4 * FUZZ_HTTP_MAX)

static const struct hdr_site by_path = {
    .route = ROUTE_PATH,
    .prefix = {"/phone/101", 10},
    .client_scheme_authority = {"https://gate.example.com:8443", 29},
    .phone_authority = {"192.0.2.101", 11},
    .phone_scheme = {"https", 5},
};
static const struct hdr_site by_host = {
    .route = ROUTE_HOST,
    .client_scheme_authority = {"https://101.example.com", 23},
    .phone_authority = {"[2001:db8::1]:8443", 18},
    .phone_scheme = {"http", 4},
    .own_cookies = true,
};

static struct str take(struct str *in, char until) {
    size_t end = str_find(*in, until, 0);
    struct str piece = str_part(*in, 0, end);
    *in = str_part(*in, end + 1, in->len);
    return piece;
}

/* Fields as no parser would give them: any octets but the two that part them here. */
static size_t raw_fields(struct str in, struct header *headers) {
    size_t count = 0;
    while (in.len > 0 && count < FIELDS_MAX) {
        struct str line = take(&in, '\x1e');
        headers[count].name = take(&line, '\x1f');
        headers[count++].value = line;
    }
    return count;
}

/* ---- what is read back ---- */

/* How often a field stands there. */
static size_t count_of(const struct header *headers, size_t count, struct str name) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) found += str_equal_icase(headers[i].name, name);
    return found;
}

static bool is_one_of(struct str name, const struct str *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal(name, names[i])) return true;
    }
    return false;
}

/* Every field came in under this name, no oftener than it came, and where it crosses as it is, with
 * a value that came in. `own` are the writer's. */
static void check_fields(const struct header *back, size_t back_count, const struct header *in,
                         size_t in_count, const struct str *own, size_t own_count) {
    static const struct str rewritten[] = {
        {"Origin", 6},  {"Referer", 7},     {"Location", 8},
        {"Refresh", 7}, {"Set-Cookie", 10}, {"Content-Location", 16},
    };
    for (size_t i = 0; i < back_count; i++) {
        struct str name = back[i].name;
        size_t there = count_of(back, back_count, name);
        if (is_one_of(name, own, own_count)) {
            ENSURE(there == 1);
            continue;
        }
        ENSURE(there <= count_of(in, in_count, name));
        if (is_one_of(name, rewritten, ARRAY_LEN(rewritten))) continue;
        bool same = false;
        for (size_t j = 0; j < in_count && !same; j++)
            same = str_equal_icase(in[j].name, name) &&
                   str_equal(str_trim(in[j].value), back[i].value);
        ENSURE(same);
    }
}

/* ---- towards the phone ---- */

static struct phone_challenge challenge_of(struct str value, struct hasher *hasher, bool *usable) {
    struct header header = {STR("WWW-Authenticate"), value};
    struct phone_challenge challenge = {.nc = 0};
    *usable =
        phone_auth_choose(&header, 1, PHONE_LOGIN_DIGEST, hasher, &challenge) == PHONE_AUTH_OK;
    return challenge;
}

struct sent {
    struct str method, target, authority, challenge, body;
    const struct header *headers;
    size_t count;
    const struct hdr_site *site;
    bool keep_alive;
};

/* As phone_exchange_send.c puts it together. False: refused, nothing is sent. */
static bool write_request(const struct sent *s, struct outbuf *out, bool *has_login) {
    static const uint8_t random[16] = {1, 2, 3};
    struct hasher *hasher = hasher_new();
    struct request_view view = {.headers = s->headers, .header_count = s->count, .minor = 1};
    bool written = http_write_request(out, s->method, s->target, s->authority, s->keep_alive);
    struct phone_challenge challenge = challenge_of(s->challenge, hasher, has_login);
    if (written && *has_login)
        written = phone_auth_answer(&challenge, hasher, STR("gate"), STR("secret"), s->method,
                                    s->target, random, out);
    hdrfilter_request(&view, s->site, out);
    http_write_length(out, s->body.len);
    http_write_end(out);
    hasher_free(hasher);
    return written && !out->full;
}

/* The reader judges the request line as soon as it is there, whatever comes behind it. */
static bool line_is_refused(struct str sent, const struct http_limits *limits) {
    static struct http_run alone;
    size_t len = str_find(sent, '\n', 0) + 1;
    http_run_request(&alone, str_part(sent, 0, len), len, limits);
    return alone.end == RUN_BAD_HEAD;
}

static void check_request(const struct sent *s) {
    static const struct str own[] = {
        {"Host", 4}, {"Connection", 10}, {"Authorization", 13}, {"Via", 3}, {"Content-Length", 14}};
    static char memory[WRITE_MAX];
    static struct http_run back;
    struct outbuf out;
    bool has_login;
    outbuf_init(&out, memory, sizeof(memory));
    if (!write_request(s, &out, &has_login)) return;
    size_t head_len = out.len;
    outbuf_put(&out, s->body);
    outbuf_put(&out, STR("GET /next HTTP/1.1\r\n"));
    if (out.full) return;
    struct http_limits limits = {WRITE_MAX, HTTP_RUN_FIELDS, WRITE_MAX};
    http_run_request(&back, outbuf_str(&out), out.len, &limits);
    const struct request_view *v = &back.request;
    /* A target of another kind than ours is refused by the reader, and method names it does not
     * know: nothing is read as something else. */
    if (back.end == RUN_BAD_HEAD && back.head.len == head_len) return;
    if (back.end == RUN_BAD_HEAD && line_is_refused(outbuf_str(&out), &limits)) return;
    ENSURE(back.end == RUN_DONE && back.head.len == head_len);
    ENSURE(str_equal(v->method_name, s->method) && str_equal(v->target, s->target));
    ENSURE(str_equal(back.rest, STR("GET /next HTTP/1.1\r\n")));
    ENSURE(str_equal((struct str){back.decoded, back.decoded_len}, s->body));
    ENSURE(count_of(v->headers, v->header_count, STR("Host")) == 1);
    ENSURE(count_of(v->headers, v->header_count, STR("Authorization")) == has_login);
    ENSURE(count_of(v->headers, v->header_count, STR("Connection")) == s->keep_alive);
    ENSURE(count_of(v->headers, v->header_count, STR("Transfer-Encoding")) == 0);
    check_fields(v->headers, v->header_count, s->headers, s->count, own, ARRAY_LEN(own));
}

/* Method, target, authority, challenge and fields of any octets. */
static void request_of_anything(struct str in, uint8_t choice) {
    static struct header headers[FIELDS_MAX];
    struct sent s = {.site = (choice & 2) ? &by_host : &by_path, .keep_alive = (choice & 4) != 0};
    s.method = (choice & 8) ? take(&in, '\x1e') : STR("POST");
    s.target = take(&in, '\x1e');
    s.authority = (choice & 8) ? take(&in, '\x1e') : STR("192.0.2.101");
    s.challenge = take(&in, '\x1e');
    s.body = take(&in, '\x1e');
    s.headers = headers;
    s.count = raw_fields(in, headers);
    check_request(&s);
}

/* What a person sends, passed on. */
static void request_passed_on(struct str in, uint8_t choice) {
    static struct http_run run;
    http_run_request(&run, in, in.len, &http_run_limits);
    if (run.end != RUN_DONE) return;
    check_request(&(struct sent){.method = run.request.method_name,
                                 .target = run.request.target,
                                 .authority = STR("192.0.2.101"),
                                 .challenge = (choice & 8) ? STR("Digest realm=\"a\", nonce=\"b\"")
                                                           : STR_NONE,
                                 .body = {run.decoded, run.decoded_len},
                                 .headers = run.request.headers,
                                 .count = run.request.header_count,
                                 .site = (choice & 2) ? &by_host : &by_path,
                                 .keep_alive = (choice & 4) != 0});
}

/* ---- towards the person ---- */

static void put_body(struct outbuf *out, enum answer_framing framing, struct str body) {
    char size[18];
    if (framing == FRAMING_NONE) return;
    if (framing != FRAMING_CHUNKED) {
        outbuf_put(out, body);
        return;
    }
    for (size_t from = 0; from < body.len; from += 100) {
        struct str piece = str_part(body, from, 100);
        outbuf_put(out, (struct str){size, chunked_write_size(piece.len, size)});
        outbuf_put(out, piece);
        outbuf_put(out, STR("\r\n"));
    }
    outbuf_put(out, STR("0\r\n\r\n"));
}

struct answered {
    const struct response_view *res;
    const struct header *headers;
    size_t count;
    const struct hdr_site *site;
    struct str body;
    bool head_request;
    unsigned minor;
};

static void check_answer(const struct answered *a) {
    static const struct str own[] = {{"Via", 3}, {"Content-Length", 14}, {"Transfer-Encoding", 17}};
    static char memory[WRITE_MAX];
    static struct http_run back;
    struct outbuf out;
    enum answer_framing framing = http_choose_framing(a->res, a->minor);
    outbuf_init(&out, memory, sizeof(memory));
    http_write_status(&out, a->res->status, STR("OK"));
    hdrfilter_response(a->headers, a->count, a->site, &out);
    http_write_framing(&out, framing, a->res, a->head_request);
    http_write_end(&out);
    size_t head_len = out.len;
    put_body(&out, framing, a->body);
    if (framing != FRAMING_CLOSE) outbuf_put(&out, STR("HTTP/1.1 200 next\r\n"));
    if (out.full) return;
    struct http_limits limits = {WRITE_MAX, HTTP_RUN_FIELDS, WRITE_MAX};
    http_run_response(&back, outbuf_str(&out), out.len, a->head_request, &limits);
    const struct response_view *v = &back.response;
    ENSURE(back.end == RUN_DONE && back.head.len == head_len && v->status == a->res->status);
    if (framing != FRAMING_CLOSE) ENSURE(str_equal(back.rest, STR("HTTP/1.1 200 next\r\n")));
    if (framing != FRAMING_NONE)
        ENSURE(str_equal((struct str){back.decoded, back.decoded_len}, a->body));
    ENSURE((v->body == RESPONSE_UNTIL_CLOSE) == (framing == FRAMING_CLOSE));
    ENSURE((v->body == RESPONSE_CHUNKED) == (framing == FRAMING_CHUNKED));
    check_fields(v->headers, v->header_count, a->headers, a->count, own, ARRAY_LEN(own));
}

/* What a phone sends, passed on; framed anew. */
static void answer_passed_on(struct str in, uint8_t choice) {
    static struct http_run run;
    bool head_request = (choice & 4) != 0;
    http_run_response(&run, in, in.len, head_request, &http_run_limits);
    if (run.end != RUN_DONE || run.response.status < 200) return;
    check_answer(&(struct answered){.res = &run.response,
                                    .headers = run.response.headers,
                                    .count = run.response.header_count,
                                    .site = (choice & 2) ? &by_host : &by_path,
                                    .body = {run.decoded, run.decoded_len},
                                    .head_request = head_request,
                                    .minor = (choice & 8) ? 0 : 1});
}

/* Fields of any octets. */
static void answer_of_anything(struct str in, uint8_t choice) {
    static struct header headers[FIELDS_MAX];
    struct str body = take(&in, '\x1e');
    struct response_view res = {.status = 200,
                                .minor = 1,
                                .body = body.len > 0 ? RESPONSE_LENGTH : RESPONSE_CHUNKED,
                                .content_length = body.len};
    size_t count = raw_fields(in, headers);
    check_answer(&(struct answered){.res = &res,
                                    .headers = headers,
                                    .count = count,
                                    .site = (choice & 2) ? &by_host : &by_path,
                                    .body = body,
                                    .minor = (choice & 8) ? 0 : 1});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct str text = str_part((struct str){(const char *)data, size}, 1, FUZZ_HTTP_MAX);
    switch (data[0] >> 4 & 3) {
    case 0:
        request_of_anything(text, data[0]);
        break;
    case 1:
        request_passed_on(text, data[0]);
        break;
    case 2:
        answer_of_anything(text, data[0]);
        break;
    default:
        answer_passed_on(text, data[0]);
        break;
    }
    return 0;
}
