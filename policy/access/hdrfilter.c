#include "policy/access/hdrfilter.h"

#include "policy/access/route.h"

/* What happens to a field that may cross. Fields that are in neither table do not: credentials,
 * hop-by-hop and framing fields, everything that names an address or a URL of the client's making
 * (Forwarded, X-Forwarded-*, X-Real-IP, X-Original-URL, X-Rewrite-URL), and whatever nobody has yet
 * needed. Phones take small heads only, so less is better. */
enum action {
    PASS,       /* every line as it is */
    PASS_FIRST, /* a second line could be read another way: only the first crosses */
    REFERER,
    ORIGIN,
    LOCATION,
    REFRESH,
    SET_COOKIE,
};

struct field_rule {
    struct str name;
    enum action action;
    bool end_to_end; /* Connection may not take it away: it says how the message is read or kept */
};

#define FIELD(name, action, end_to_end)                                                            \
    { {name, sizeof(name) - 1}, action, end_to_end }

static const struct field_rule request_fields[] = {
    FIELD("Accept", PASS, false),
    FIELD("Accept-Language", PASS, false),
    FIELD("Anti-Csrf-Token", PASS_FIRST, false), /* forms of Poly phones have it from their page */
    FIELD("Cache-Control", PASS, true),
    FIELD("Content-Type", PASS_FIRST, true), /* decide() judged the body by it */
    FIELD("Cookie", PASS, false),
    FIELD("If-Match", PASS, false),
    FIELD("If-Modified-Since", PASS_FIRST, false),
    FIELD("If-None-Match", PASS, false),
    FIELD("If-Range", PASS_FIRST, false),
    FIELD("If-Unmodified-Since", PASS_FIRST, false),
    FIELD("Origin", ORIGIN, false),
    FIELD("Pragma", PASS, false),
    FIELD("Range", PASS_FIRST, false),
    FIELD("Referer", REFERER, false),
    FIELD("User-Agent", PASS_FIRST, false),
    FIELD("X-Requested-With", PASS_FIRST, false), /* scripts of pages say so: some phones ask */
};

/* Not here, and why: WWW-Authenticate, Authentication-Info, Proxy-Authenticate (a phone's login is
 * the gate's affair; a browser would offer the person's own password), Server and X-Powered-By
 * (tell a stranger's page the model), Strict-Transport-Security, Public-Key-Pins and Alt-Svc (speak
 * for the gate's name), Clear-Site-Data (in path mode wipes the other phones' state),
 * Access-Control-* (would open the gate's origin to others), Referrer-Policy (of two the last would
 * count, and the gate says "same-origin": it needs the Referer of its own pages) and
 * X-Content-Type-Options (the gate's stands there already), Set-Cookie2, Content-MD5 and Digest
 * (bodies may be rewritten). A phone's Content-Security-Policy and X-Frame-Options only add to the
 * gate's policy: of several the browser applies each. */
static const struct field_rule response_fields[] = {
    FIELD("Accept-Ranges", PASS_FIRST, false),
    FIELD("Age", PASS_FIRST, false),
    FIELD("Allow", PASS, false),
    FIELD("Cache-Control", PASS, true),
    FIELD("Content-Disposition", PASS_FIRST, true),
    FIELD("Content-Encoding", PASS, true),
    FIELD("Content-Language", PASS, false),
    FIELD("Content-Location", LOCATION, false),
    FIELD("Content-Range", PASS_FIRST, true),
    FIELD("Content-Security-Policy", PASS, true),
    FIELD("Content-Type", PASS_FIRST, true),
    FIELD("Date", PASS_FIRST, true),
    FIELD("ETag", PASS_FIRST, false),
    FIELD("Expires", PASS_FIRST, true),
    FIELD("Last-Modified", PASS_FIRST, false),
    FIELD("Location", LOCATION, true),
    FIELD("Pragma", PASS, true),
    FIELD("Refresh", REFRESH, false),
    FIELD("Retry-After", PASS_FIRST, false),
    FIELD("Set-Cookie", SET_COOKIE, true),
    FIELD("Vary", PASS, true),
    FIELD("X-Frame-Options", PASS, true),
    FIELD("X-UA-Compatible", PASS_FIRST, false),
};

struct filter {
    const struct header *headers;
    size_t count;
    const struct hdr_site *site;
    struct outbuf *out;
};

static const struct field_rule *find_rule(const struct field_rule *rules, size_t count,
                                          struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal_icase(rules[i].name, name)) return &rules[i];
    }
    return NULL;
}

static bool is_named_in_connection(const struct filter *f, struct str name) {
    for (size_t i = 0; i < f->count; i++) {
        if (str_equal_icase(f->headers[i].name, STR("Connection")) &&
            str_list_has(f->headers[i].value, name)) {
            return true;
        }
    }
    return false;
}

static bool is_first(const struct filter *f, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (str_equal_icase(f->headers[i].name, f->headers[at].name)) return false;
    }
    return true;
}

/* The parsers on both sides refuse control octets; a line written here must not depend on that. */
static bool can_be_sent(struct str value) {
    size_t at = str_visible(value);
    while (at < value.len && value.ptr[at] == '\t')
        at += 1 + str_visible(str_part(value, at + 1, value.len));
    return at == value.len;
}

static void begin(const struct filter *f, struct str name) {
    outbuf_put(f->out, name);
    outbuf_put(f->out, STR(": "));
}

static void end(const struct filter *f) {
    outbuf_put(f->out, STR("\r\n"));
}

static void put_pass(const struct filter *f, const struct field_rule *rule, struct str value) {
    begin(f, rule->name);
    outbuf_put(f->out, value);
    end(f);
}

static void put_phone_origin(const struct filter *f) {
    outbuf_put(f->out, f->site->phone_scheme);
    outbuf_put(f->out, STR("://"));
    outbuf_put(f->out, f->site->phone_authority);
}

/* ---- towards the phone ---- */

static void put_origin(const struct filter *f, const struct field_rule *rule, struct str value) {
    if (!str_equal_icase(value, f->site->client_scheme_authority)) return;
    begin(f, rule->name);
    put_phone_origin(f);
    end(f);
}

/* A page of this phone becomes a page of the phone's own address; any other page is nobody's
 * business there. */
static void put_referer(const struct filter *f, const struct field_rule *rule, struct str value) {
    struct str origin = f->site->client_scheme_authority;
    if (!str_starts_with_icase(value, origin)) return;
    struct str path = str_part(value, origin.len, value.len);
    if (f->site->prefix.len > 0) {
        if (!str_starts_with(path, f->site->prefix)) return;
        path = str_part(path, f->site->prefix.len, path.len);
    }
    if (path.len == 0 || path.ptr[0] != '/') return;
    begin(f, rule->name);
    put_phone_origin(f);
    outbuf_put(f->out, path);
    end(f);
}

/* ---- towards the person ---- */

static struct str port_of(struct str authority) {
    size_t host = authority.len > 0 && authority.ptr[0] == '[' ? str_find(authority, ']', 0) : 0;
    size_t colon = str_find(authority, ':', host);
    return str_part(authority, colon + 1, authority.len);
}

static struct str default_port(struct str scheme) {
    return str_equal_icase(scheme, STR("https")) ? STR("443") : STR("80");
}

/* Is this the phone, by its own port or by the usual one of the scheme? Another port is another
 * service. */
static bool is_phone(const struct hdr_site *site, struct str scheme, struct str authority) {
    if (str_find(authority, '@', 0) < authority.len) return false;
    if (!str_equal_icase(route_host(authority), route_host(site->phone_authority))) return false;
    struct str port = port_of(authority);
    struct str phone_port = port_of(site->phone_authority);
    if (port.len == 0) port = default_port(scheme);
    if (phone_port.len == 0) phone_port = default_port(site->phone_scheme);
    return str_equal(port, phone_port) || str_equal(port, default_port(scheme));
}

/* Cut "scheme://authority" or "//authority" off a URL. False where there is none. */
static bool split_url(const struct hdr_site *site, struct str url, struct str *scheme,
                      struct str *authority, struct str *path) {
    size_t start = 0;
    *scheme = site->phone_scheme;
    if (str_starts_with_icase(url, STR("https://")) || str_starts_with_icase(url, STR("http://"))) {
        start = str_find(url, ':', 0);
        *scheme = str_part(url, 0, start);
        start++;
    }
    if (!str_starts_with(str_part(url, start, 2), STR("//"))) return false;
    start += 2;
    size_t stop = start;
    while (stop < url.len && url.ptr[stop] != '/' && url.ptr[stop] != '?' && url.ptr[stop] != '#') {
        stop++;
    }
    *authority = str_part(url, start, stop - start);
    *path = str_part(url, stop, url.len);
    return true;
}

/* The phone's own URLs become ours; those of others, and relative ones, stay. */
static void put_url(const struct filter *f, struct str url) {
    const struct hdr_site *site = f->site;
    struct str scheme, authority, path;
    if (split_url(site, url, &scheme, &authority, &path)) {
        if (!is_phone(site, scheme, authority)) {
            outbuf_put(f->out, url);
            return;
        }
        outbuf_put(f->out, site->prefix.len > 0 ? site->prefix : site->client_scheme_authority);
        if (path.len == 0 || path.ptr[0] != '/') outbuf_char(f->out, '/');
        outbuf_put(f->out, path);
        return;
    }
    if (url.len > 0 && url.ptr[0] == '/') outbuf_put(f->out, site->prefix);
    outbuf_put(f->out, url);
}

static void put_location(const struct filter *f, const struct field_rule *rule, struct str value) {
    begin(f, rule->name);
    put_url(f, value);
    end(f);
}

static bool is_quote(char c) {
    return c == '"' || c == '\'';
}

/* "5", "5; url=/x", "5, URL='/x'", "5;/x": what browsers accept. Anything else is dropped. */
static void put_refresh(const struct filter *f, const struct field_rule *rule, struct str value) {
    size_t digits = 0;
    while (digits < value.len && ascii_is_digit(value.ptr[digits])) digits++;
    struct str seconds = str_part(value, 0, digits);
    struct str rest = str_trim(str_part(value, digits, value.len));
    if (digits == 0) return;
    if (rest.len > 0 && rest.ptr[0] != ';' && rest.ptr[0] != ',') return;
    struct str url = str_trim(str_part(rest, 1, rest.len));
    if (str_starts_with_icase(url, STR("url"))) {
        struct str after = str_trim(str_part(url, 3, url.len));
        if (after.len > 0 && after.ptr[0] == '=') url = str_trim(str_part(after, 1, after.len));
    }
    if (url.len > 0 && is_quote(url.ptr[0])) {
        url = str_part(url, 1, str_find(url, url.ptr[0], 1) - 1);
    }
    begin(f, rule->name);
    outbuf_put(f->out, seconds);
    if (url.len > 0) {
        outbuf_put(f->out, STR("; url="));
        put_url(f, url);
    }
    end(f);
}

struct cookie_attributes {
    struct str path, expires, max_age, same_site;
    bool http_only;
};

/* The last of equal attributes counts (RFC 6265 5.3); Domain and unknown ones are left behind. */
static struct cookie_attributes read_attributes(struct str rest) {
    struct cookie_attributes a = {0};
    struct str piece;
    while (str_split(&rest, ';', &piece)) {
        size_t equals = str_find(piece, '=', 0);
        struct str name = str_trim(str_part(piece, 0, equals));
        struct str value = str_trim(str_part(piece, equals + 1, piece.len));
        if (str_equal_icase(name, STR("Path"))) a.path = value;
        if (str_equal_icase(name, STR("Expires"))) a.expires = value;
        if (str_equal_icase(name, STR("Max-Age"))) a.max_age = value;
        if (str_equal_icase(name, STR("SameSite"))) a.same_site = value;
        if (str_equal_icase(name, STR("HttpOnly"))) a.http_only = true;
    }
    return a;
}

static void put_attribute(const struct filter *f, struct str name, struct str value) {
    if (value.len == 0) return;
    outbuf_put(f->out, STR("; "));
    outbuf_put(f->out, name);
    outbuf_put(f->out, value);
}

/* K01-K04: one line each, bound to this host (and in path mode to this phone's prefix), over TLS
 * only, not sent along from other sites. */
static void put_set_cookie(const struct filter *f, const struct field_rule *rule,
                           struct str value) {
    struct str pair;
    if (!str_split(&value, ';', &pair)) return;
    pair = str_trim(pair);
    size_t equals = str_find(pair, '=', 0);
    if (equals == 0 || equals == pair.len) return;
    struct cookie_attributes a = read_attributes(value);
    bool has_path = a.path.len > 0 && a.path.ptr[0] == '/';
    begin(f, rule->name);
    outbuf_put(f->out, pair);
    if (f->site->prefix.len > 0) {
        put_attribute(f, STR("Path="), f->site->prefix);
        outbuf_put(f->out, has_path ? a.path : STR("/"));
    } else if (has_path) {
        put_attribute(f, STR("Path="), a.path);
    }
    put_attribute(f, STR("Expires="), a.expires);
    put_attribute(f, STR("Max-Age="), a.max_age);
    outbuf_put(f->out, a.http_only ? STR("; HttpOnly; Secure") : STR("; Secure"));
    put_attribute(f, STR("SameSite="), a.same_site.len > 0 ? a.same_site : STR("Lax"));
    end(f);
}

/* ---- both ---- */

static void put_field(const struct filter *f, const struct field_rule *rule, size_t at) {
    struct str value = f->headers[at].value;
    switch (rule->action) {
    case PASS:
        put_pass(f, rule, value);
        return;
    case PASS_FIRST:
        if (is_first(f, at)) put_pass(f, rule, value);
        return;
    case REFERER:
        if (is_first(f, at)) put_referer(f, rule, value);
        return;
    case ORIGIN:
        if (is_first(f, at)) put_origin(f, rule, value);
        return;
    case LOCATION:
        if (is_first(f, at)) put_location(f, rule, value);
        return;
    case REFRESH:
        if (is_first(f, at)) put_refresh(f, rule, value);
        return;
    case SET_COOKIE:
        put_set_cookie(f, rule, value);
        return;
    }
}

/* A cookie of the browser could stand in for the gate's session, and the session is nobody else's.
 */
static bool is_cookie(const struct field_rule *rule) {
    return rule->action == SET_COOKIE || str_equal(rule->name, STR("Cookie"));
}

static void put_fields(const struct filter *f, const struct field_rule *rules, size_t rule_count) {
    for (size_t i = 0; i < f->count; i++) {
        const struct field_rule *rule = find_rule(rules, rule_count, f->headers[i].name);
        if (rule == NULL || !can_be_sent(f->headers[i].value)) continue;
        if (f->site->own_cookies && is_cookie(rule)) continue;
        if (!rule->end_to_end && is_named_in_connection(f, rule->name)) continue;
        put_field(f, rule, i);
    }
}

/* Each hop has one less (RFC 9110 7.6.2); 0 never comes here: decide() answers it. */
static void put_max_forwards(const struct request_view *req, struct outbuf *out) {
    uint64_t hops;
    struct str value = request_header(req, STR("Max-Forwards"));
    if (req->method != METHOD_OPTIONS || !str_to_u64(value, UINT64_MAX, &hops) || hops == 0) return;
    outbuf_put(out, STR("Max-Forwards: "));
    outbuf_u64(out, hops - 1);
    outbuf_put(out, STR("\r\n"));
}

void hdrfilter_request(const struct request_view *req, const struct hdr_site *site,
                       struct outbuf *out) {
    struct filter f = {req->headers, req->header_count, site, out};
    put_fields(&f, request_fields, ARRAY_LEN(request_fields));
    put_max_forwards(req, out);
    outbuf_put(out,
               req->minor == 0 ? STR("Via: 1.0 phonegate\r\n") : STR("Via: 1.1 phonegate\r\n"));
}

void hdrfilter_response(const struct header *headers, size_t count, const struct hdr_site *site,
                        struct outbuf *out) {
    struct filter f = {headers, count, site, out};
    put_fields(&f, response_fields, ARRAY_LEN(response_fields));
    outbuf_put(out, STR("Via: 1.1 phonegate\r\n"));
}
