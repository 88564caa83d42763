/* An audit's report as one page: no scripts, nothing from elsewhere, for light and dark, for
 * managers at the top and technicians further down. */
#include <string.h>

#include "proxy/harden/audit_report_parts.h"

static const struct {
    const char *name, *title;
} steps[] = {{"1", "Step 1: passwords, Digest, hidden tags"},
             {"2", "Step 2: user mode"},
             {"3", "Step 3: HTTPS only"},
             {"4", "Step 4: keyboard lock"},
             {"beyond", "Beyond the guide"}};

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    "<title>Phones: hardening audit</title>\n<style>\n"
    ":root{--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;--head:#f3f5f8;"
    "--bad:#b42318;--bad-bg:#fdecea;--un:#8a5a00;--un-bg:#fff4d6;--ok:#17693a;--ok-bg:#e3f5e9;"
    "--link:#0b5cad}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e6e9ec;--dim:#9aa4ae;"
    "--line:#353c44;--head:#1e2329;--bad:#ff9b90;--bad-bg:#43201d;--un:#f0c36a;--un-bg:#3b2f14;"
    "--ok:#82d6a2;--ok-bg:#17351f;--link:#7db7f5}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:76rem;padding:1rem 1.25rem 4rem;background:var(--bg);"
    "color:var(--fg);font:16px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.6rem;margin:.5rem 0 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}\n"
    "a{color:var(--link)}p{margin:.4rem 0}.dim{color:var(--dim)}\n"
    ".cards{display:flex;flex-wrap:wrap;gap:.75rem;margin:1rem 0;padding:0;list-style:none}\n"
    ".cards li{flex:1 1 9rem;border:1px solid var(--line);border-radius:.5rem;padding:.6rem "
    ".9rem}\n"
    ".cards b{display:block;font-size:1.9rem;line-height:1.2}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:.92rem}\n"
    "caption{text-align:left;color:var(--dim);padding:.2rem 0}\n"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid "
    "var(--line)}\n"
    "thead th{background:var(--head);white-space:nowrap}\n"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\n"
    ".s{display:inline-block;padding:0 .5rem;border-radius:.7rem;white-space:nowrap;"
    "font-weight:600}\n"
    ".fails{color:var(--bad);background:var(--bad-bg)}.unknown{color:var(--un);"
    "background:var(--un-bg)}.holds{color:var(--ok);background:var(--ok-bg)}"
    ".closed{color:var(--dim);background:var(--head)}\n"
    ".bar{display:flex;height:.8rem;min-width:8rem;border-radius:.4rem;overflow:hidden;"
    "background:var(--head)}td:has(.bar){vertical-align:middle}\n"
    ".bar i{display:block}.bar .h{background:var(--ok)}.bar "
    ".u{background:repeating-linear-gradient("
    "45deg,var(--un) 0 4px,var(--un-bg) 4px 7px)}.bar .f{background:var(--bad)}"
    ".bar .c{background:var(--dim)}\n"
    "details{border:1px solid var(--line);border-radius:.5rem;margin:.6rem 0}\n"
    "summary{cursor:pointer;padding:.5rem .8rem;overflow-wrap:anywhere}summary "
    "b{font-size:1.05rem}\n"
    "details>div,details>p{padding:0 .8rem .5rem}\n"
    "code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}\n"
    "@media(max-width:44rem){td:has(.bar),th.share{display:none}"
    ".f-table thead{position:absolute;left:-999rem}"
    ".f-table,.f-table tbody,.f-table tr,.f-table td,.f-table th{display:block;width:100%}"
    ".f-table tr{border-bottom:1px solid var(--line);padding:.4rem 0}"
    ".f-table td,.f-table tbody th{border:0;padding:.1rem 0}"
    ".f-table td[data-l]:before{content:attr(data-l) \": \";color:var(--dim)}}\n"
    "@media print{details{break-inside:avoid}.wide{overflow:visible}}\n"
    "</style>\n</head>\n<body>\n";

static void esc(FILE *to, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", to);
            break;
        case '<':
            (void)fputs("&lt;", to);
            break;
        case '>':
            (void)fputs("&gt;", to);
            break;
        case '"':
            (void)fputs("&quot;", to);
            break;
        default:
            (void)fputc((unsigned char)*text < 0x20 ? ' ' : *text, to);
        }
    }
}

/* One of the words that have a colour, whatever a file says. */
static const char *state_class(const char *state) {
    static const char *const names[] = {"holds", "unknown", "fails"};
    if (strcmp(state, "closed") == 0) return "closed";
    return names[report_state_rank(state)];
}

static void put_state(FILE *to, const char *state) {
    fprintf(to, "<span class=\"s %s\">%s</span>", state_class(state), state_class(state));
}

static void put_cell(FILE *to, const char *label, const char *text) {
    fprintf(to, "<td data-l=\"%s\">", label);
    esc(to, text[0] != '\0' ? text : "–");
    (void)fputs("</td>", to);
}

/* ---- for managers ---- */

static void put_card(FILE *to, size_t number, const char *label) {
    fprintf(to, "<li><b>%zu</b>%s</li>\n", number, label);
}

static void put_part(FILE *to, const char *class, size_t part, size_t whole) {
    if (part > 0) fprintf(to, "<i class=\"%s\" style=\"flex:%zu %zu 0\"></i>", class, part, whole);
}

static void put_steps(const json_t *summary, FILE *to) {
    size_t phones = report_number(summary, "phones");
    (void)fputs("<h2>The four steps</h2>\n<div class=\"wide\"><table>\n<caption>On how many phones "
                "each step of the vendor's guide holds</caption>\n<thead><tr><th scope=\"col\">Step"
                "</th><th scope=\"col\" class=\"n\">holds</th><th scope=\"col\" class=\"n\">fails"
                "</th><th scope=\"col\" class=\"n\">unknown</th><th scope=\"col\" "
                "class=\"n\">closed</th><th scope=\"col\" "
                "class=\"share\">share</th></tr>"
                "</thead>\n<tbody>\n",
                to);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        const json_t *step = json_object_get(json_object_get(summary, "steps"), steps[i].name);
        size_t holds = report_number(step, "holds"), fails = report_number(step, "fails");
        size_t unknown = report_number(step, "unknown"), closed = report_number(step, "closed");
        fprintf(to,
                "<tr><th scope=\"row\">%s</th><td class=\"n\">%zu</td><td class=\"n\">%zu</td>"
                "<td class=\"n\">%zu</td><td class=\"n\">%zu</td><td><div class=\"bar\" "
                "aria-hidden=\"true\">",
                steps[i].title, holds, fails, unknown, closed);
        put_part(to, "h", holds, phones);
        put_part(to, "c", closed, phones);
        put_part(to, "u", unknown, phones);
        put_part(to, "f", fails, phones);
        (void)fputs("</div></td></tr>\n", to);
    }
    (void)fputs("</tbody></table></div>\n", to);
}

static void put_trouble(const json_t *summary, FILE *to) {
    json_t *trouble = json_object_get(summary, "trouble"), *count;
    const char *reason;
    if (json_object_size(trouble) == 0) return;
    (void)fputs("<h2>Why not everything is known</h2>\n<div class=\"wide\"><table>\n<caption>What "
                "kept phones from being read</caption>\n<thead><tr><th scope=\"col\">Reason</th>"
                "<th scope=\"col\">What it means</th><th scope=\"col\" "
                "class=\"n\">phones</th></tr></thead>\n<tbody>\n",
                to);
    json_object_foreach(trouble, reason, count) {
        (void)fputs("<tr><th scope=\"row\"><code>", to);
        esc(to, reason);
        fprintf(to, "</code></th><td>%s</td><td class=\"n\">%" JSON_INTEGER_FORMAT "</td></tr>\n",
                report_meaning(reason), json_integer_value(count));
    }
    (void)fputs("</tbody></table></div>\n", to);
}

static void put_summary(const json_t *report, FILE *to) {
    const json_t *summary = json_object_get(report, "summary");
    const json_t *worst = json_object_get(summary, "worst");
    size_t phones = report_number(summary, "phones"), bad = report_number(summary, "short");
    (void)fputs("<header>\n<h1>Phones: hardening audit</h1>\n<p class=\"dim\">", to);
    esc(to, report_text(report, "made"));
    (void)fputs(", phonegate ", to);
    esc(to, report_text(report, "version"));
    (void)fputs(", configuration ", to);
    esc(to, report_text(report, "policy_version"));
    (void)fputs("</p>\n</header>\n<main>\n<p>", to);
    if (bad == 0)
        fprintf(to, "All %zu phones are hardened as the guide says.", phones);
    else
        fprintf(to, "%zu of %zu phones fall short; %zu of them gravely.", bad, phones,
                report_number(worst, "high"));
    if (report_number(summary, "closed") > 0)
        fprintf(to, " The web interface of %zu is off: what they are provisioned with counts.",
                report_number(summary, "closed"));
    (void)fputs("</p>\n", to);
    if (report_text(report, "baseline")[0] != '\0') {
        (void)fputs("<p>The numbers are of all phones; below stands only what changed since ", to);
        esc(to, report_text(report, "baseline"));
        (void)fputs(".</p>\n", to);
    }
    (void)fputs("<ul class=\"cards\">\n", to);
    put_card(to, phones, "phones");
    put_card(to, phones - (bad < phones ? bad : phones), "as they should be");
    put_card(to, report_number(worst, "high"), "fall short: high");
    put_card(to, report_number(worst, "medium"), "fall short: medium");
    put_card(to, report_number(worst, "low"), "fall short: low");
    (void)fputs("</ul>\n", to);
    put_steps(summary, to);
    put_trouble(summary, to);
}

/* ---- all phones ---- */

static void put_row(const json_t *phone, size_t number, FILE *to) {
    fprintf(to, "<tr><th scope=\"row\"><a href=\"#p%zu\">", number);
    esc(to, report_text(phone, "id"));
    (void)fputs("</a></th>", to);
    put_cell(to, "Name", report_text(phone, "name"));
    put_cell(to, "Model", report_text(phone, "model"));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        (void)fputs("<td>", to);
        put_state(to, report_text(json_object_get(phone, "steps"), steps[i].name));
        (void)fputs("</td>", to);
    }
    put_cell(to, "Worst", report_text(phone, "worst"));
    put_cell(to, "Trouble", report_text(phone, "trouble"));
    (void)fputs("</tr>\n", to);
}

static void put_table(const json_t *phones, FILE *to) {
    size_t i;
    const json_t *phone;
    (void)fputs("<h2>Phones, the worst first</h2>\n<div class=\"wide\"><table>\n<caption>One row a "
                "phone; its name leads to the details</caption>\n<thead><tr><th scope=\"col\">"
                "Phone</th><th scope=\"col\">Name</th><th scope=\"col\">Model</th>"
                "<th scope=\"col\">Step 1</th><th scope=\"col\">Step 2</th><th scope=\"col\">Step 3"
                "</th><th scope=\"col\">Step 4</th><th scope=\"col\">Beyond</th><th scope=\"col\">"
                "Worst</th><th scope=\"col\">Trouble</th></tr></thead>\n<tbody>\n",
                to);
    json_array_foreach(phones, i, phone) put_row(phone, i, to);
    (void)fputs("</tbody></table></div>\n", to);
}

/* ---- one phone ---- */

static void put_finding(const json_t *f, FILE *to) {
    const char *change = report_text(f, "change"), *place = report_text(f, "place");
    (void)fputs("<tr><td>", to);
    put_state(to, report_text(f, "state"));
    if (change[0] != '\0') {
        (void)fputs(" <b>", to);
        esc(to, change);
        (void)fputs("</b>", to);
    }
    (void)fputs("</td>", to);
    put_cell(to, "Severity", report_text(f, "severity"));
    put_cell(to, "Step", report_text(f, "step"));
    (void)fputs("<th scope=\"row\"><code>", to);
    esc(to, report_text(f, "name"));
    (void)fputs("</code></th>", to);
    put_cell(to, "Seen", report_text(f, "seen"));
    put_cell(to, "Wanted", report_text(f, "wanted"));
    (void)fputs("<td data-l=\"What to do\">", to);
    esc(to, report_text(f, "mend"));
    if (place[0] != '\0' && strstr(report_text(f, "mend"), place) == NULL) {
        (void)fputs(" (", to);
        esc(to, place);
        (void)fputs(")", to);
    }
    (void)fputs("<br><span class=\"dim\">", to);
    esc(to, report_text(f, "why"));
    (void)fputs("</span></td></tr>\n", to);
}

static bool is_shown(const json_t *f) {
    return !report_is(f, "state", "holds") || report_text(f, "change")[0] != '\0';
}

static void put_ranked(const json_t *list, int state, int severity, FILE *to) {
    const json_t *f;
    size_t i;
    json_array_foreach(list, i, f) {
        if (is_shown(f) && report_state_rank(report_text(f, "state")) == state &&
            report_severity_rank(report_text(f, "severity")) == severity)
            put_finding(f, to);
    }
}

static void put_findings(const json_t *list, FILE *to) {
    const json_t *f;
    size_t i, held = 0;
    (void)fputs("<div class=\"wide\"><table class=\"f-table\">\n<thead><tr><th scope=\"col\">State"
                "</th><th scope=\"col\">Severity</th><th scope=\"col\">Step</th><th scope=\"col\">"
                "Setting</th><th scope=\"col\">Seen</th><th scope=\"col\">Wanted</th>"
                "<th scope=\"col\">What to do, and why</th></tr></thead>\n<tbody>\n",
                to);
    for (int state = 2; state >= 0; state--)
        for (int severity = 3; severity >= 0; severity--) put_ranked(list, state, severity, to);
    (void)fputs("</tbody></table></div>\n", to);
    json_array_foreach(list, i, f) held += is_shown(f) ? 0 : 1;
    if (held == 0) return;
    fprintf(to, "<p class=\"dim\">%zu more hold: ", held);
    json_array_foreach(list, i, f) {
        if (is_shown(f)) continue;
        esc(to, report_text(f, "name"));
        (void)fputs(--held > 0 ? ", " : ".", to);
    }
    (void)fputs("</p>\n", to);
}

static void put_fact(FILE *to, const char *label, const char *value) {
    if (value[0] == '\0') return;
    fprintf(to, "%s <code>", label);
    esc(to, value);
    (void)fputs("</code> ", to);
}

static void put_phone(const json_t *phone, size_t number, FILE *to) {
    const char *change = report_text(phone, "change");
    fprintf(to, "<details id=\"p%zu\"%s><summary><b>", number, number < 10 ? " open" : "");
    esc(to, report_text(phone, "id"));
    (void)fputs("</b> ", to);
    if (!report_is(phone, "name", report_text(phone, "id"))) esc(to, report_text(phone, "name"));
    (void)fputs(" ", to);
    const char *well = report_is_closed(phone) ? "closed" : "holds";
    put_state(to, report_flag(phone, "short") ? "fails" : well);
    if (change[0] != '\0') {
        (void)fputs(" <b>", to);
        esc(to, change);
        (void)fputs("</b>", to);
    }
    (void)fputs("</summary>\n<p class=\"dim\">", to);
    put_fact(to, "Address", report_text(phone, "address"));
    put_fact(to, "model", report_text(phone, "model"));
    put_fact(to, "firmware", report_text(phone, "firmware"));
    put_fact(to, "MAC", report_text(phone, "mac"));
    put_fact(to, "profile", report_text(phone, "profile"));
    put_fact(to, "key", report_text(phone, "pin_sha256"));
    put_fact(to, "trouble", report_text(phone, "trouble"));
    (void)fputs("</p>\n", to);
    put_findings(json_object_get(phone, "findings"), to);
    (void)fputs("</details>\n", to);
}

void audit_report_write_html(const json_t *report, FILE *to) {
    const json_t *phones = json_object_get(report, "phones"), *phone;
    size_t i;
    (void)fputs(page_head, to);
    put_summary(report, to);
    if (json_array_size(phones) > 0) {
        put_table(phones, to);
        (void)fputs("<h2>Phone by phone</h2>\n", to);
    } else {
        (void)fputs("<p>Nothing to show.</p>\n", to);
    }
    json_array_foreach(phones, i, phone) put_phone(phone, i, to);
    (void)fputs("</main>\n</body>\n</html>\n", to);
}
