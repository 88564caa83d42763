#include "proxy/client/page.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct status_text {
    unsigned status;
    const char *phrase;
    const char *title;
    const char *advice;
};

static const struct status_text texts[] = {
    {100, "Continue", "", ""},
    {200, "OK", "", ""},
    {201, "Created", "", ""},
    {202, "Accepted", "", ""},
    {203, "Non-Authoritative Information", "", ""},
    {204, "No Content", "", ""},
    {206, "Partial Content", "", ""},
    {301, "Moved Permanently", "Moved", "The page is at another address."},
    {302, "Found", "", ""},
    {303, "See Other", "", ""},
    {304, "Not Modified", "", ""},
    {307, "Temporary Redirect", "Moved", "The page is at another address."},
    {308, "Permanent Redirect", "Moved", "The page is at another address."},
    {400, "Bad Request", "This request is not understood",
     "Go back and try again. If a link or script made this request, it must be corrected."},
    {401, "Unauthorized", "Please sign in",
     "Your name and password for this gate are needed. Reload this page to be asked again."},
    {403, "Forbidden", "You may not do this",
     "You are signed in, but your role does not cover this page or action. Ask the team that runs "
     "the gate."},
    {404, "Not Found", "There is nothing here",
     "Check the address, or begin at the list of your phones."},
    {405, "Method Not Allowed", "This method is not allowed", "The gate takes no such request."},
    {408, "Request Timeout", "Your request took too long", "Try again."},
    {411, "Length Required", "A length is missing", "Send the body with Content-Length."},
    {413, "Content Too Large", "Your upload is too large",
     "The gate's limit for uploads is lower than this."},
    {414, "URI Too Long", "The address is too long", "Shorten it."},
    {417, "Expectation Failed", "This expectation cannot be met", "Send the request without it."},
    {421, "Misdirected Request", "This name is not served here",
     "Check the address, or begin at the list of your phones."},
    {429, "Too Many Requests", "Too many attempts", "Wait a few minutes, then try again."},
    {431, "Request Header Fields Too Large", "The request's head is too large",
     "Delete this site's cookies and try again."},
    {501, "Not Implemented", "This method is not known", "The gate takes no such request."},
    {502, "Bad Gateway", "The phone did not answer properly",
     "Wait a minute and try again. If it stays, tell the team that runs the gate the word below."},
    {503, "Service Unavailable", "The phone is busy", "Wait a few seconds and try again."},
    {504, "Gateway Timeout", "The phone does not answer",
     "It may be off, restarting or unreachable. Wait a minute and try again."},
    {505, "HTTP Version Not Supported", "This version of HTTP is not spoken here", "Use HTTP/1.1."},
};

/* What can be said better than by the status alone. */
static const struct {
    const char *reason, *title, *advice;
} special[] = {
    {"phone_not_hardened", "This phone asks for no proper login",
     "It is not opened until its web login is set to Digest. The team that runs the gate must "
     "harden it first."},
    {"phone_locked", "The phone lets nobody in",
     "It refuses its pages before it has asked for a login: most phones do so for some minutes "
     "after "
     "wrong passwords. Wait, then try again."},
    {"phone_busy", "The phone is busy",
     "It says so itself: it may be starting. Wait a minute and try again."},
    {"phone_credentials_missing", "The gate has no password for this phone",
     "Its account is kept in the vault, where there is none yet: `phonegate harden --apply` or "
     "`phonegate secret set` puts one there."},
    {"phone_credentials_rejected", "The phone refuses the gate's password",
     "No further attempt is made, so that the phone does not lock itself. The stored password must "
     "be corrected."},
    {"phone_login_form", "The phone shows its login form",
     "It does so although the gate has just logged in. The team that runs the gate must look at "
     "it."},
    {"phone_session_lost", "The phone has ended the gate's session",
     "It may not have done what you asked for, and it was not asked twice. Look at the settings, "
     "then try again."},
    {"phone_pin_mismatch", "This is not the phone we know",
     "Its certificate has changed. The team that runs the gate must check it before it is opened."},
    {"phone_certificate_untrusted", "The phone cannot be trusted",
     "Its certificate was not signed by the expected authority."},
    {"phone_certificate_expired", "The phone cannot be trusted",
     "Its certificate has expired. The team that runs the gate must renew it."},
    {"phone_certificate_weak", "The phone cannot be trusted",
     "The key in its certificate is too short. The team that runs the gate must renew it."},
    {"phone_name_mismatch", "This is not the phone we know",
     "Its certificate has another name. The team that runs the gate must check it before it is "
     "opened."},
    {"phone_refused", "The phone takes no connection",
     "It may be restarting, or its web interface may be off. Wait a minute and try again."},
    {"phone_unreachable", "The phone cannot be reached",
     "It may be off, restarting or without network. Wait a minute and try again."},
    {"phone_closed", "The phone hung up without an answer",
     "If it was told to restart, this is how it does so. What you asked for is not sent again: "
     "wait "
     "a minute, then look whether it was done."},
    {"phone_incomplete", "The phone broke off its answer", "Wait a minute and try again."},
    {"locked", "Too many wrong passwords",
     "Wait until the time is over, then try again. If it was not you, tell the team that runs the "
     "gate."},
    {"other_site", "Another page asked for this",
     "Nothing was changed. If you want it, open this gate's start page and do it there."},
    {"body_not_judged", "This cannot be looked into", "Nothing was sent to the phone."},
    {"scripts_not_allowed", "Programs may only read here", "Nothing was changed."},
    {"access_log_failed", "Access is stopped",
     "The gate cannot write its access record. Try again later."},
    {"connections_full", "The gate is busy",
     "Too many connections are open. Try again in a moment."},
    {"address_connections_full", "Too many connections from your address",
     "Try again in a moment."},
};

static const struct status_text *find(unsigned status) {
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].status == status) return &texts[i];
    }
    return NULL;
}

struct str page_phrase(unsigned status) {
    const struct status_text *text = find(status);
    if (text != NULL) return str_of(text->phrase);
    return status < 300 ? STR("OK") : status < 400 ? STR("Redirect") : STR("Error");
}

static void begin(struct outbuf *out, struct str title) {
    outbuf_put(out, STR("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                        "<meta name=\"viewport\" content=\"width=device-width\"><title>"));
    outbuf_markup(out, title);
    outbuf_put(out, STR("</title><style>:root{color-scheme:light dark}body{font:1rem/1.5 "
                        "system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;"
                        "overflow-wrap:anywhere}h1{font-size:1.5rem;line-height:1.2}"
                        "a{text-underline-offset:.2em}a:focus-visible{outline:3px solid;"
                        "outline-offset:3px}ul{padding:0}li{list-style:none;padding:.6rem 0;"
                        "border-top:1px solid #8888}li>a{font-weight:600}small{display:block;"
                        "font-size:.9rem}</style></head><body><main><h1>"));
    outbuf_markup(out, title);
    outbuf_put(out, STR("</h1>\n"));
}

static void end(struct outbuf *out) {
    outbuf_put(out, STR("</main></body></html>\n"));
}

void page_status(struct outbuf *out, unsigned status, const char *reason, struct str detail,
                 uint64_t request_id) {
    const struct status_text *text = find(status);
    struct str title = text != NULL && text->title[0] != '\0' ? str_of(text->title) : STR("Error");
    struct str advice = text != NULL ? str_of(text->advice) : STR("");
    for (size_t i = 0; i < ARRAY_LEN(special); i++) {
        if (strcmp(reason, special[i].reason) != 0) continue;
        title = str_of(special[i].title);
        advice = str_of(special[i].advice);
    }
    begin(out, title);
    outbuf_put(out, STR("<p>"));
    outbuf_markup(out, advice);
    outbuf_put(out, STR("</p>\n"));
    if (detail.len > 0) {
        outbuf_put(out, STR("<p>"));
        outbuf_markup(out, str_part(detail, 0, 512));
        outbuf_put(out, STR("</p>\n"));
    }
    if (status != 400 && status != 401 && status < 500)
        outbuf_put(out, STR("<p><a href=\"/\" rel=\"noreferrer\">Back to the start</a></p>\n"));
    outbuf_put(out, STR("<p><small>"));
    outbuf_u64(out, status);
    /* Why somebody is not signed in, or a phone not found, is for the record only: the page must
     * not tell an unknown user from a wrong password, nor a missing phone from one without a grant.
     */
    if (status != 401 && status != 404 && status != 421) {
        outbuf_char(out, ' ');
        outbuf_markup(out, str_of(reason));
        if (request_id > 0) outbuf_put(out, STR(", request "));
        if (request_id > 0) outbuf_u64(out, request_id);
    }
    outbuf_put(out, STR("</small></p>\n"));
    end(out);
}

void page_portal_begin(struct outbuf *out, struct str user) {
    begin(out, STR("Your phones"));
    outbuf_put(out, STR("<p>Signed in as <strong>"));
    outbuf_markup(out, user);
    /* A list without marks is read out as a list only when its role says so. */
    outbuf_put(out, STR("</strong>.</p>\n<ul role=\"list\">\n"));
}

static void put_link(struct outbuf *out, struct str href, struct str text) {
    outbuf_put(out, STR("<a href=\""));
    outbuf_markup(out, href);
    outbuf_put(out, STR("\" rel=\"noreferrer\">"));
    outbuf_markup(out, text);
    outbuf_put(out, STR("</a>"));
}

void page_portal_phone(struct outbuf *out, const struct page_phone *phone) {
    bool named = phone->host_href.len > 0;
    outbuf_put(out, STR("<li>"));
    put_link(out, named ? phone->host_href : phone->path_href, phone->name);
    outbuf_put(out, STR(" <small>as "));
    outbuf_markup(out, phone->role);
    if (named) {
        outbuf_put(out, STR(" &middot; "));
        put_link(out, phone->path_href, STR("open below this address"));
    }
    outbuf_put(out, STR("</small></li>\n"));
}

void page_portal_end(struct outbuf *out, size_t phones) {
    outbuf_put(out, STR("</ul>\n"));
    if (phones == 0)
        outbuf_put(out, STR("<p>No phone is open to you. Ask the team that runs the gate.</p>\n"));
    outbuf_put(out,
               STR("<p class=\"note\"><a href=\"/\" rel=\"noreferrer\">Your phones</a> &middot; "
                   "<a href=\"/whoami\" rel=\"noreferrer\">Who am I?</a> &middot; "
                   "<a href=\"/signout\" rel=\"noreferrer\">Sign out</a></p>\n"));
    end(out);
}

/* "2026-11-23 07:25:09 UTC" */
static void put_moment(struct outbuf *out, uint64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    char text[64];
    gmtime_r(&seconds, &t);
    snprintf(text, sizeof(text), "%04d-%02d-%02d %02d:%02d:%02d UTC", t.tm_year + 1900,
             t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    outbuf_put(out, str_of(text));
}

static void put_fact(struct outbuf *out, struct str name, struct str value) {
    outbuf_put(out, STR("<li>"));
    outbuf_put(out, name);
    outbuf_put(out, STR(": <strong>"));
    outbuf_markup(out, value);
    outbuf_put(out, STR("</strong></li>\n"));
}

void page_whoami(struct outbuf *out, const struct page_person *person) {
    char memory[64];
    struct outbuf since;
    outbuf_init(&since, memory, sizeof(memory));
    if (person->since_ms > 0)
        put_moment(&since, person->since_ms);
    else
        outbuf_put(&since, STR("not known"));
    begin(out, STR("Who am I?"));
    outbuf_put(out, STR("<ul>\n"));
    put_fact(out, STR("Name"), person->name);
    put_fact(out, STR("Signed in since"), outbuf_str(&since));
    put_fact(out, STR("From"), person->address);
    put_fact(out, STR("Algorithm"), person->algorithm);
    outbuf_put(out, STR("</ul>\n<h2>Phones</h2>\n<ul>\n"));
}

void page_sign_out(struct outbuf *out, struct str user) {
    begin(out, STR("Sign out"));
    outbuf_put(out, STR("<p>Signed in as <strong>"));
    outbuf_markup(out, user);
    outbuf_put(out,
               STR("</strong>. All browsers that are signed in with this name will ask for the "
                   "password again.</p>\n<form method=\"post\" action=\"/signout\">"
                   "<button>Sign out</button></form>\n"
                   "<p><a href=\"/\" rel=\"noreferrer\">Back to the start</a></p>\n"));
    end(out);
}

void page_signed_out(struct outbuf *out) {
    begin(out, STR("You are signed out"));
    outbuf_put(out, STR("<p>Whoever opens the next page here is asked for name and password.</p>\n"
                        "<p><a href=\"/\" rel=\"noreferrer\">Sign in again</a></p>\n"));
    end(out);
}
