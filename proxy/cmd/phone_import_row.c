/* One row of the table: what each cell may hold. */
#include <stdio.h>
#include <unistd.h>

#include "policy/base/bytes.h"
#include "proxy/cmd/phone_import_parts.h"

#define NAME_LEN_MAX 128 /* as load_phones.c has it */
#define ID_LEN_MAX   64
#define PATH_LEN_MAX 1024
#define USER_LEN_MAX 255

static struct str cell(const struct importing *im, const struct csv_row *row,
                       enum import_column column) {
    size_t at = im->columns[column];
    return at < row->count ? str_trim(row->fields[at]) : STR_NONE;
}

static struct str keep(struct importing *im, struct str text) {
    struct str copy = arena_copy(&im->arena, text);
    ENSURE(copy.ptr != NULL);
    return copy;
}

static bool is_word(struct str text, size_t max) {
    if (text.len == 0 || text.len > max || text.ptr[0] == '.') return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* UTF-8 on one line: what the configuration's strings may be. */
static bool is_text(struct str text, size_t max) {
    if (text.len > max || !str_is_utf8(text)) return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) return false;
    return true;
}

static struct str read_text(struct importing *im, struct str text, size_t max, const char *what) {
    if (is_text(text, max)) return text;
    import_problem(im, "%s is not UTF-8, longer than %zu, or holds a control character", what, max);
    return STR_NONE;
}

static struct str read_mac(struct importing *im, struct str text) {
    char mac[MAC_HEX];
    if (mac_read(text, mac)) return keep(im, (struct str){mac, sizeof(mac)});
    if (text.len == 0)
        import_problem(im, "the MAC is missing");
    else
        import_problem(im, "\"%.40s\" is no MAC of a phone: 12 hexadecimal digits",
                       keep(im, text).ptr);
    return STR_NONE;
}

static bool is_own(const struct importing *im, const struct hostport_url *url) {
    const struct config *config = im->in->config;
    for (size_t i = 0; i < config->https.listen_count; i++)
        if (hostport_reaches(url, &config->https.listen[i], &im->local)) return true;
    for (size_t i = 0; i < config->http.listen_count; i++)
        if (hostport_reaches(url, &config->http.listen[i], &im->local)) return true;
    return config->status.enabled && hostport_reaches(url, &config->status.listen, &im->local);
}

/* "192.0.2.1", "phone.example.com:8443", "2001:db8::1", or the whole url. */
static struct str read_address(struct importing *im, struct str text) {
    struct str scheme = STR("https://");
    char memory[HOSTPORT_NAME_MAX + 32];
    struct outbuf out;
    struct hostport_url url;
    if (text.len == 0) {
        import_problem(im, "the address is missing");
        return STR_NONE;
    }
    if (str_starts_with(text, scheme)) text = str_part(text, scheme.len, text.len);
    size_t colon = str_find(text, ':', 0);
    bool bare_v6 = text.ptr != NULL && colon < text.len && text.ptr[0] != '[' &&
                   str_find(text, ':', colon + 1) < text.len;
    outbuf_init(&out, memory, sizeof(memory));
    outbuf_put(&out, scheme);
    if (bare_v6) outbuf_char(&out, '[');
    outbuf_put(&out, text);
    if (bare_v6) outbuf_char(&out, ']');
    if (!out.full && hostport_url(outbuf_str(&out), &url)) {
        if (is_own(im, &url))
            import_problem(im, "the address %.80s is the gate's own", keep(im, text).ptr);
        return keep(im, outbuf_str(&out));
    }
    import_problem(im,
                   "\"%.80s\" is no address of a phone: an IP address or a name, and perhaps "
                   ":PORT",
                   keep(im, text).ptr);
    return STR_NONE;
}

static struct str read_profile(struct importing *im, struct str text) {
    char *path = NULL;
    bool good = is_word(text, ID_LEN_MAX);
    if (good) {
        ENSURE(asprintf(&path, STR_FMT "/" STR_FMT ".cfg", STR_ARG(im->in->config->profiles_dir),
                        STR_ARG(text)) > 0);
        good = access(path, R_OK) == 0;
        free(path);
    }
    if (good) return text;
    if (text.len == 0)
        import_problem(im, "the profile is missing");
    else
        import_problem(im, "unknown profile \"%.64s\": there is no such file in profiles_dir",
                       keep(im, text).ptr);
    return STR_NONE;
}

/* Without one of its own it is the MAC, which is nobody else's and good in an address. */
static struct str read_id(struct importing *im, struct str text, struct str mac) {
    char lower[MAC_HEX];
    if (text.len == 0) {
        for (size_t i = 0; i < mac.len; i++) lower[i] = ascii_lower(mac.ptr[i]);
        return keep(im, (struct str){lower, mac.len});
    }
    if (is_word(text, ID_LEN_MAX)) return keep(im, text);
    import_problem(im, "\"%.80s\" is no id: letters, digits, . _ -, no dot first, at most %d",
                   keep(im, text).ptr, ID_LEN_MAX);
    return STR_NONE;
}

static struct str read_host(struct importing *im, struct str text, struct str id) {
    char name[HOSTPORT_NAME_MAX + 1], memory[HOSTPORT_NAME_MAX + 1];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    outbuf_put(&out, text);
    if (text.len == 0 && im->in->domain.len > 0 && id.len > 0) {
        outbuf_put(&out, id);
        outbuf_char(&out, '.');
        outbuf_put(&out, im->in->domain);
    }
    if (out.len == 0) return STR_NONE;
    if (!out.full && hostport_name(outbuf_str(&out), name)) return keep(im, str_of(name));
    import_problem(im, "\"%.80s\" is no host name", keep(im, outbuf_str(&out)).ptr);
    return STR_NONE;
}

static struct str read_user(struct importing *im, struct str text, const char *what) {
    if (str_find(text, ':', 0) < text.len) import_problem(im, "\"%s\" holds a colon", what);
    return read_text(im, text, USER_LEN_MAX, what);
}

/* The account that still reads and changes settings once administrator mode is off. */
static struct str read_service(struct importing *im, struct str text) {
    if (text.len > 0 && !im->in->has_vault)
        import_problem(im, "the password of a service account is in the vault, and the "
                           "configuration has none");
    return text.len > 0 ? read_user(im, text, "service") : im->in->service_user;
}

static void read_login(struct importing *im, struct str user, struct str password_file,
                       struct import_phone *phone) {
    phone->user = user.len > 0 ? read_user(im, user, "user") : str_of(im->in->login_user);
    phone->password_file = read_text(im, password_file, PATH_LEN_MAX, "password_file");
    if (password_file.len == 0 && !im->in->has_vault)
        import_problem(im, "there is no password: name a password_file, or a vault in the "
                           "configuration");
}

static void read_proof(struct importing *im, struct str pin, struct str ca,
                       struct import_phone *phone) {
    uint8_t bytes[32];
    if (pin.len > 0 && !bytes_from_hex(pin, bytes, sizeof(bytes)))
        import_problem(im, "a pin is the SHA-256 of the phone's public key: 64 hexadecimal digits");
    if (pin.len > 0 && ca.len > 0) import_problem(im, "a phone has a pin or a ca, not both");
    if (pin.len == 0 && ca.len == 0 && !im->in->has_pins)
        import_problem(im, "the phone proves itself by nothing: name a pin or a ca, or a pins_file "
                           "in the configuration");
    phone->pin = pin;
    phone->ca = read_text(im, ca, PATH_LEN_MAX, "ca");
}

static bool read_wui(struct importing *im, struct str text) {
    static const char *const yes[] = {"", "true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_equal_icase(text, str_of(yes[i]))) return true;
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (str_equal_icase(text, str_of(no[i]))) return false;
    import_problem(im, "\"wui\" is yes or no");
    return true;
}

void import_row(struct importing *im, const struct csv_row *row, struct import_phone *phone) {
    *phone = (struct import_phone){.mac = read_mac(im, cell(im, row, COLUMN_MAC))};
    if (row->count > im->width)
        import_problem(im, "%zu fields, but the first line has %zu", row->count, im->width);
    phone->url = read_address(im, cell(im, row, COLUMN_ADDRESS));
    phone->name = read_text(im, cell(im, row, COLUMN_NAME), NAME_LEN_MAX, "name");
    phone->profile = read_profile(im, cell(im, row, COLUMN_PROFILE));
    phone->id = read_id(im, cell(im, row, COLUMN_ID), phone->mac);
    phone->host = read_host(im, cell(im, row, COLUMN_HOST), phone->id);
    read_login(im, cell(im, row, COLUMN_USER), cell(im, row, COLUMN_PASSWORD_FILE), phone);
    phone->service = read_service(im, cell(im, row, COLUMN_SERVICE));
    read_proof(im, cell(im, row, COLUMN_PIN), cell(im, row, COLUMN_CA), phone);
    phone->wui = read_wui(im, cell(im, row, COLUMN_WUI));
}
