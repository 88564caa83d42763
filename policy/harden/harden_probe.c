/* What a probe says: about settings that nobody read, and about what no setting holds. */
#include "policy/harden/harden_parts.h"

static struct harden_evidence said(enum harden_state state, const char *seen) {
    return (struct harden_evidence){state, str_of(seen)};
}

static struct harden_evidence from_login(const struct harden_facts *facts) {
    switch (facts->challenge) {
    case HARDEN_CHALLENGE_NONE:
        return said(HARDEN_FAILS, "no login asked for");
    case HARDEN_CHALLENGE_BASIC:
    case HARDEN_CHALLENGE_DIGEST:
    case HARDEN_CHALLENGE_BOTH:
        return said(HARDEN_HOLDS, "set (a login is asked for)");
    case HARDEN_CHALLENGE_OTHER:
    case HARDEN_CHALLENGE_UNKNOWN:
        break;
    }
    return said(HARDEN_UNKNOWN, "");
}

static struct harden_evidence from_scheme(const struct harden_facts *facts) {
    switch (facts->challenge) {
    case HARDEN_CHALLENGE_BASIC:
        return said(HARDEN_FAILS, "off (Basic is asked for)");
    case HARDEN_CHALLENGE_BOTH:
        return said(HARDEN_FAILS, "Basic is asked for beside Digest");
    case HARDEN_CHALLENGE_DIGEST:
        return said(HARDEN_HOLDS, "on (Digest is asked for)");
    case HARDEN_CHALLENGE_NONE:
    case HARDEN_CHALLENGE_OTHER:
    case HARDEN_CHALLENGE_UNKNOWN:
        break;
    }
    return said(HARDEN_UNKNOWN, "");
}

static struct harden_evidence from_plain(const struct harden_facts *facts) {
    if (facts->wui_off_wanted && facts->https == HARDEN_PORT_OPEN)
        return said(HARDEN_FAILS, "the web interface answers");
    switch (facts->plain) {
    case HARDEN_PLAIN_ANSWERS:
        return said(HARDEN_FAILS, "plain HTTP is answered");
    case HARDEN_PLAIN_REFUSED:
        if (facts->wui_off_wanted && facts->https == HARDEN_PORT_UNKNOWN) break;
        return said(HARDEN_HOLDS, "plain HTTP is refused");
    case HARDEN_PLAIN_FORBIDDEN:
        return said(HARDEN_HOLDS, "plain HTTP gets 403");
    case HARDEN_PLAIN_REDIRECT:
        return said(HARDEN_HOLDS, "plain HTTP is sent to HTTPS");
    case HARDEN_PLAIN_UNKNOWN:
        break;
    }
    return said(HARDEN_UNKNOWN, "not probed");
}

/* A phone that refuses the factory password may still have an empty one where that means another.
 */
static struct harden_evidence from_factory(const struct harden_facts *facts,
                                           const struct harden_rule *rule) {
    bool known = true, before = true;
    if (facts->factory_password == HARDEN_FACTORY_TAKEN) return said(HARDEN_FAILS, "factory");
    if (facts->factory_password == HARDEN_FACTORY_UNKNOWN) return said(HARDEN_UNKNOWN, "");
    if (rule->empty_changed.len > 0)
        before = harden_firmware_before(facts->firmware, rule->empty_changed, &known);
    if (known && before) return said(HARDEN_HOLDS, "not the factory's");
    return said(HARDEN_UNKNOWN, "not the factory's, perhaps empty");
}

struct harden_evidence harden_from_probe(const struct harden_facts *facts,
                                         const struct harden_rule *rule) {
    bool web = rule->probe == HARDEN_PROBE_LOGIN || rule->probe == HARDEN_PROBE_DIGEST;
    if (web && harden_wui_is_off(facts)) return said(HARDEN_HOLDS, "web interface off");
    switch (rule->probe) {
    case HARDEN_PROBE_LOGIN:
        return from_login(facts);
    case HARDEN_PROBE_DIGEST:
        return from_scheme(facts);
    case HARDEN_PROBE_HTTPS:
        return from_plain(facts);
    case HARDEN_PROBE_FACTORY:
        return from_factory(facts, rule);
    case HARDEN_PROBE_NONE:
        break;
    }
    return said(HARDEN_UNKNOWN, "");
}

static void judge_tls(struct harden_judging *j) {
    static const char *const seen[] = {"not probed", "older than 1.2", "1.2", "1.3"};
    enum harden_tls tls = j->facts->tls;
    struct harden_finding finding = {
        .step = HARDEN_BEYOND,
        .state = tls == HARDEN_TLS_UNKNOWN ? HARDEN_UNKNOWN
                 : tls == HARDEN_TLS_OLDER ? HARDEN_FAILS
                                           : HARDEN_HOLDS,
        .severity = HARDEN_MEDIUM,
        .about = HARDEN_ABOUT_PROBE,
        .name = STR("TLS"),
        .seen = str_of(seen[tls]),
        .wanted = STR("1.2 or 1.3"),
        .why = STR("Older versions can be read or changed by somebody on the way."),
        .mend = STR("Update the firmware; where there is none, keep the phone in a network of its "
                    "own that only the gate reaches."),
    };
    harden_add(j, &finding);
}

static void judge_certificate(struct harden_judging *j) {
    static const struct {
        enum harden_state state;
        enum harden_severity severity;
        const char *seen, *mend;
    } kinds[] = {
        [HARDEN_CERTIFICATE_UNKNOWN] = {HARDEN_UNKNOWN, HARDEN_MEDIUM, "not seen",
                                        "Make the phone's TLS port reachable for the gate."},
        [HARDEN_CERTIFICATE_TRUSTED] = {HARDEN_HOLDS, HARDEN_HIGH, "known", ""},
        [HARDEN_CERTIFICATE_UNPINNED] = {HARDEN_FAILS, HARDEN_MEDIUM, "not known to the gate",
                                         "Compare its fingerprint and write it into the phone's "
                                         "entry (pin_sha256)."},
        [HARDEN_CERTIFICATE_CHANGED] = {HARDEN_FAILS, HARDEN_HIGH, "another one than was pinned",
                                        "Find out why it changed before any password is sent; "
                                        "then pin the new one."},
        [HARDEN_CERTIFICATE_UNCHECKED] = {HARDEN_FAILS, HARDEN_HIGH, "not checked",
                                          "Pin it (pin_sha256) instead of verify = \"none\"."},
    };
    enum harden_certificate kind = j->facts->certificate;
    struct harden_finding finding = {
        .step = HARDEN_BEYOND,
        .state = kinds[kind].state,
        .severity = kinds[kind].severity,
        .about = HARDEN_ABOUT_PROBE,
        .name = STR("certificate"),
        .seen = str_of(kinds[kind].seen),
        .wanted = STR("known"),
        .why = STR("Without it anybody on the way can be the phone and collect its password."),
        .mend = str_of(kinds[kind].mend),
    };
    harden_add(j, &finding);
}

static void judge_remote(struct harden_judging *j) {
    static const enum harden_state states[] = {HARDEN_UNKNOWN, HARDEN_HOLDS, HARDEN_FAILS};
    static const char *const seen[] = {"not probed", "closed", "open"};
    struct harden_finding finding = {
        .step = HARDEN_BEYOND,
        .state = states[j->facts->remote],
        .severity = HARDEN_HIGH,
        .about = HARDEN_ABOUT_PROBE,
        .name = STR("port 1800"),
        .seen = str_of(seen[j->facts->remote]),
        .wanted = STR("closed"),
        .why = STR("Old firmware takes remote control there without a login."),
        .mend = STR("Update the firmware, or block the port in the network."),
    };
    harden_add(j, &finding);
}

static void judge_configuration(struct harden_judging *j) {
    struct harden_finding plain = {
        .step = 3,
        .state = HARDEN_FAILS,
        .severity = HARDEN_HIGH,
        .about = HARDEN_ABOUT_CONFIGURATION,
        .name = STR("allow_plain_http"),
        .seen = STR("true"),
        .wanted = STR("false"),
        .why = STR("The gate speaks with this phone in clear text, its password included."),
        .mend = STR("Give the phone an https address and take allow_plain_http out."),
    };
    struct harden_finding open = {
        .step = 1,
        .state = HARDEN_FAILS,
        .severity = HARDEN_HIGH,
        .about = HARDEN_ABOUT_CONFIGURATION,
        .name = STR("login_required"),
        .seen = STR("false"),
        .wanted = STR("true"),
        .why = STR("The gate serves this phone although it asks nobody for a login."),
        .mend = STR("Set http_user and http_pass on the phone and take login_required out."),
    };
    if (j->facts->allow_plain_http) harden_add(j, &plain);
    if (j->facts->no_login_allowed) harden_add(j, &open);
}

/* What went wrong while the phone was asked; each time it was left alone afterwards. */
static void judge_trouble(struct harden_judging *j) {
    struct harden_finding finding = {.step = HARDEN_BEYOND,
                                     .state = HARDEN_UNKNOWN,
                                     .severity = HARDEN_MEDIUM,
                                     .about = HARDEN_ABOUT_PROBE};
    if (j->facts->wrong_model) {
        finding.name = STR("model");
        finding.state = HARDEN_FAILS;
        finding.severity = HARDEN_HIGH;
        finding.seen = STR("another model");
        finding.wanted = STR("the model of its entry");
        finding.why = STR("Another device answers at this address.");
        finding.mend = STR("Find out which device it is before a password is sent to it.");
        harden_add(j, &finding);
    }
    finding.state = HARDEN_UNKNOWN;
    finding.severity = HARDEN_MEDIUM;
    if (j->facts->locked_out) {
        finding.name = STR("lock-out");
        finding.seen = STR("the web interface is locked");
        finding.wanted = STR("open to the gate");
        finding.why = STR("Somebody failed to log in several times.");
        finding.mend = STR("Wait until the phone opens again, and look for who guesses.");
        harden_add(j, &finding);
    }
    if (j->facts->login_refused) {
        finding.name = STR("login");
        finding.seen = STR("the gate's password was refused");
        finding.wanted = STR("accepted");
        finding.why = STR("The phone has another password than the gate; it was tried once.");
        finding.mend = STR("Give the gate the phone's password.");
        harden_add(j, &finding);
    }
}

void harden_judge_probe(struct harden_judging *j) {
    if (!harden_wui_is_off(j->facts)) {
        judge_tls(j);
        judge_certificate(j);
    }
    judge_remote(j);
    judge_configuration(j);
    judge_trouble(j);
}
