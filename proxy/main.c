/* main.c: finds the command and hands it its arguments. */
#include <string.h>

#include "policy/base/hash.h"
#include "proxy/cmd/cmd.h"

#define USER_HELP                                                                                  \
    "Add, change, remove or list people in the file that \"users_file\" names.\n"                  \
    "The password is asked for on the terminal, or read as one line from standard\n"               \
    "input. The file is replaced in one step; a running gate sees it at its next reload.\n"        \
    "  --allow-weak   take a password that is easy to guess\n"                                     \
    "  --md5 LOG      list who signed in with MD5, by this access log: name, how often,\n"         \
    "                 when last; exit status 1 if there is anybody\n"                              \
    "unlock forgives wrong passwords, and signout makes all browsers of the person ask\n"          \
    "for the password again: both now, at the running gate.\n"                                     \
    "import takes the lines of a users file of Apache (htdigest) or lighttpd.\n"
#define PHONE_HELP                                                                                 \
    "Make text for the list \"phones\" of the configuration from a table of phones (CSV).\n"       \
    "Its first line names the columns, in any order: mac, address, name, profile; and as\n"        \
    "wanted id, host, user, password_file, service, pin, ca, wui. Every problem is reported\n"     \
    "with its line, phones that are there already as well, and nothing is written unless all\n"    \
    "is fine.\n"                                                                                   \
    "  --output FILE    write it there, where no file is yet; standard output if absent\n"         \
    "  --domain DOMAIN  phones without a host of their own get ID.DOMAIN\n"                        \
    "  --service NAME   phones get a service account of this name, with its password in the\n"     \
    "                   vault: without one a hardened phone can only be provisioned\n"             \
    "  --user NAME      the web user of phones for which the table names none; gate if absent\n"
#define CHECK_HELP                                                                                 \
    "Report every problem of the configuration with file and line.\n"                              \
    "  --expect TABLE   then judge each row of this table, and say which do not hold:\n"           \
    "                     USER PHONE METHOD TARGET [KIND:BODY] [@SENDER] [from=ADDRESS]\n"         \
    "                       [at=TIME] -> VERDICT [RULE]\n"                                         \
    "                   VERDICT is allow, deny or a status, RULE the name of one or - for none.\n" \
    "                   A table that names phones and users of its own needs no configuration.\n"  \
    "  --profiles DIR   where the profiles of such a table are; if absent, in profiles_dir of\n"   \
    "                   the configuration, or in ../profiles beside the table\n"                   \
    "Exit status: 0 if there is no error and every row holds; 1 if not; 2 if a file\n"             \
    "cannot be read or a table has a line that is no row. The form of a table: phonegate(8).\n"
#define EXPLAIN_HELP                                                                               \
    "Say what the gate would do with a request of NAME on phone ID, and why: the\n"                \
    "verdict, the rule with its file and line, the grant, and what the phone is sent.\n"           \
    "  --body FILE           the request has this body\n"                                          \
    "  --content-type TYPE   of the body; application/x-www-form-urlencoded if absent\n"           \
    "  --header 'NAME: VALUE'  it has this header field as well; may stand there often\n"          \
    "  --script              it comes from a program; otherwise the fields are added by which\n"   \
    "                        a browser says that a page of the phone itself made it ask\n"         \
    "  --from ADDRESS        the person is there, as grants with \"from\" want to know\n"          \
    "  --at TIME             when: 2026-12-31T18:00:00Z; now if absent\n"                          \
    "  --restricted          as if the phone were one that the gate keeps people out of\n"         \
    "  --trace               list the rules in their order, and why each does not match\n"         \
    "  --format text|json    text if absent\n"                                                     \
    "  --requests FILE       instead of one request: many, one a line (- is standard\n"            \
    "                        input), with a tab between the fields\n"                              \
    "                          USER PHONE METHOD TARGET [TYPE BODY] [@SENDER]\n"                   \
    "                        SENDER is page (if absent), cross-site or script.\n"                  \
    "                        BODY may hold %XX, an empty TYPE is none. One line each, with\n"      \
    "                        tabs: verdict, status, reason, rule, path; - is none.\n"              \
    "Exit status: 0 allowed (all of them), 1 refused.\n"

#define REPLAY_HELP                                                                                \
    "Decide each request of the access logs (- is standard input) anew, under the\n"               \
    "configuration that -c names, and list those that would be decided otherwise: was,\n"          \
    "would be, both rules, how many, and the first of them. Records hold no values and no\n"       \
    "bodies: where these would decide it is said that nobody can tell.\n"                          \
    "Exit status: 0 nothing would change, 1 something would, 2 wrong usage or a file that\n"       \
    "cannot be read.\n"
#define HARDEN_HELP                                                                                \
    "Bring phones to the four steps of the vendor's guide. One of:\n"                              \
    "  --plan            say what would change on which phone; nothing is changed\n"               \
    "  --provision DIR   write the file for each phone's setting server\n"                         \
    "  --provisioned     phones have fetched their files: what they prove is in force\n"           \
    "  --apply           change the phones through their own pages\n"                              \
    "  --rotate          new passwords on phones whose passwords are in the vault\n"               \
    "                    (--pins: new PINs for the keyboard lock, too)\n"                          \
    "  --wui-off         switch off the web interface of phones with \"wui = false\"\n"            \
    "  --recover         a run was cut: what a phone has of it by now is saved\n"                  \
    "PHONE... or --all says which; --plan and --provision take all where none is named.\n"         \
    "  --beyond          what goes beyond the guide as well (--plan, --apply, --provision)\n"      \
    "  --parallel N      so many phones at a time\n"                                               \
    "  --format text|json  text if absent\n"                                                       \
    "Exit status: 0 every phone is as it should be (--plan: nothing would change), 1 not, 2\n"     \
    "wrong usage.\n"
#define SECRET_HELP                                                                                \
    "Passwords and PINs of phones, in the vault that the configuration names.\n"                   \
    "  init               make the vault, and its key file where there is none\n"                  \
    "  list [PHONE]       what is in it, without the values; exit status 1 if something is\n"      \
    "                     damaged\n"                                                               \
    "  show PHONE         all of this phone, a line each: setting, which, value\n"                 \
    "  show PHONE SETTING the value alone\n"                                                       \
    "  set PHONE SETTING  from the terminal, or one line from standard input\n"                    \
    "  drop PHONE SETTING take it out\n"                                                           \
    "  --candidate        with PHONE SETTING: the value that was written before a phone was\n"     \
    "                     changed, not the one in force\n"                                         \
    "  --generate         with set: a new random one, which show then shows; the phone is not\n"   \
    "                     told (harden --rotate does both)\n"                                      \
    "SETTING is the vendor's name, such as http_pass. What shows or changes a secret is\n"         \
    "recorded in the access log first, and refused where that fails.\n"
#define AUDIT_HELP                                                                                 \
    "Ask each phone (all of them, or those named; * stands for any characters) what it shows\n"    \
    "and what its settings are, and say which steps of the vendor's hardening guide hold.\n"       \
    "A phone sees one failed login at most; its lock-out is never risked.\n"                       \
    "  --format FORMAT      text (default), json, or html: one page for a browser\n"               \
    "  --parallel N         phones at a time (32)\n"                                               \
    "  --baseline FILE      an earlier report in JSON: show only what changed since\n"             \
    "  --provisioning DIRECTORY\n"                                                                 \
    "                       the files that phones fetch, if not the configuration's\n"             \
    "  --try-factory-passwords\n"                                                                  \
    "                       try the factory's administrator password once; a phone that takes\n"   \
    "                       it is in administrator mode afterwards\n"                              \
    "Exit status: 0 all holds, 1 something falls short, 2 wrong usage.\n"
#define PIN_HELP                                                                                   \
    "By which public key (SHA-256 of SubjectPublicKeyInfo) a phone is known.\n"                    \
    "  show PHONE   what the phone shows now: fingerprint, subject, dates; exit status 0 if\n"     \
    "               it is one of its pins\n"                                                       \
    "  add PHONE    the same, and once you have confirmed it, into the pins file; older pins\n"    \
    "               count for pin_window_s more\n"                                                 \
    "  --yes FINGERPRINT   with add: the one that is expected; without a terminal there is no\n"   \
    "               other way\n"                                                                   \
    "Nothing is sent to the phone, and no fingerprint is believed because it is shown.\n"
#define SELF_TEST_HELP                                                                             \
    "Compute the examples of RFC 7616 and RFC 2617 with the code and the OpenSSL that the\n"       \
    "gate uses, and name algorithms that are missing (FIPS).\n"                                    \
    "Exit status: 0 only if every sum is right and no algorithm is missing.\n"

static int cmd_help(int argc, char **argv);
static int cmd_later(int argc, char **argv);

static const struct cmd_entry commands[] = {
    {"serve", cmd_serve, "serve [-c FILE]", "run in the foreground",
     "Run the gate in the foreground until it gets SIGTERM or SIGINT; then answers under way\n"
     "are finished, for ten seconds at most. SIGHUP loads the configuration anew, SIGUSR1\n"
     "opens the access log anew. What it says goes to standard error.\n"
     "Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot start, 2 if the configuration\n"
     "cannot be read.\n",
     true},
    {"check", cmd_check, "check [-c FILE] [--expect TABLE]... [--profiles DIR]",
     "look for problems in the configuration", CHECK_HELP, true},
    {"user", cmd_user, "user add|passwd|remove|unlock|signout NAME | list | import FILE [-c FILE]",
     "manage the people who may sign in", USER_HELP, true},
    {"phone", cmd_phone,
     "phone import FILE.csv [-c FILE] [--output FILE] [--domain DOMAIN] [--service NAME]",
     "phones of the configuration, from a table", PHONE_HELP, true},
    {"explain", cmd_explain, "explain [-c FILE] --user NAME --phone ID METHOD TARGET [--body FILE]",
     "what the gate would do with a request", EXPLAIN_HELP, true},
    {"replay", cmd_replay, "replay [-c FILE] [--format text|json] ACCESS_LOG...",
     "which recorded requests would now be decided otherwise", REPLAY_HELP, true},
    {"harden", cmd_harden, "harden [-c FILE] --plan|--provision DIR|--apply|... [--all | PHONE...]",
     "bring phones to the vendor's four hardening steps", HARDEN_HELP, true},
    {"secret", cmd_secret,
     "secret show PHONE [SETTING] | list | set|drop PHONE SETTING | init [-c FILE]",
     "passwords of phones in the vault", SECRET_HELP, true},
    {"audit", cmd_audit, "audit [-c FILE] [--format text|json|html] [--baseline FILE] [PHONE...]",
     "which of the four hardening steps hold on which phone", AUDIT_HELP, true},
    {"pin", cmd_pin, "pin show|add PHONE [--yes FINGERPRINT] [-c FILE]",
     "by which key a phone is known", PIN_HELP, true},
    {"self-test", cmd_self_test, "self-test", "compute the examples of the Digest RFCs",
     SELF_TEST_HELP, false},
    {"reload", cmd_reload, "reload [-c FILE]", "tell the running gate to read its files again",
     "Tell the running gate to load its configuration, and say whether it took it.\n"
     "Exit status: 0 it did; 1 it refused, and its log says why, or no gate answers.\n",
     true},
    {"status", cmd_status, "status [-c FILE]", "ask the running gate how it is",
     "Print what the running gate says about itself, a line each: name and number.\n"
     "Exit status: 0; 1 if no gate answers.\n",
     true},
    {"version", cmd_version, "version", "print the version", "Print the version.\n", false},
    {"help", cmd_help, "help [COMMAND]", "print this list, or more on one command",
     "Print the list of commands, or more on one of them.\n", false},
    {"review", cmd_later, NULL, NULL, NULL, false},
    {"log", cmd_later, NULL, NULL, NULL, false},
};

static const struct cmd_entry *find_command(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static void print_commands(FILE *to) {
    fprintf(to, "usage: phonegate COMMAND [-c FILE] ...\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].usage != NULL)
            fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].line);
    fprintf(to,
            "\nThe configuration is %s unless -c names another.\n"
            "Exit status: 0 fine, 1 the answer is no, 2 wrong usage.\n"
            "Manuals: phonegate(8), phonegate.cfg(5), phonegate-profile(5).\n",
            CMD_DEFAULT_FILE);
}

static int help_on(const struct cmd_entry *command) {
    if (command->usage == NULL) return command->run(1, (char *[]){(char[]){""}, NULL});
    printf("usage: phonegate %s\n\n%s", command->usage, command->help);
    return CMD_FINE;
}

static int unknown_command(const char *name) {
    fprintf(stderr, "phonegate: unknown command %s\ntry: phonegate help\n", name);
    return CMD_USAGE;
}

static int cmd_help(int argc, char **argv) {
    const char *file = NULL, *word = NULL;
    const struct cmd_option options[] = {{"-c", &file}, {NULL, NULL}};
    size_t words = 1;
    if (!cmd_args(argc, argv, options, &word, &words)) return CMD_USAGE;
    if (words == 0) {
        print_commands(stdout);
        return CMD_FINE;
    }
    const struct cmd_entry *command = find_command(word);
    return command == NULL ? unknown_command(word) : help_on(command);
}

static int cmd_later(int argc, char **argv) {
    (void)argc;
    (void)argv;
    fprintf(stderr, "phonegate: not available in this version\n");
    return CMD_USAGE;
}

static bool is_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Index of the command: the first word that is neither an option nor the value of -c; argc where
 * there is none. */
static int command_index(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-c") == 0)
            i++;
        else if (argv[i][0] != '-')
            return i;
    }
    return argc;
}

/* Move the command to the front, so that options may stand on either side of it. */
static void move_to_front(char **argv, int index) {
    char *command = argv[index];
    memmove(&argv[2], &argv[1], (size_t)(index - 1) * sizeof(*argv));
    argv[1] = command;
}

/* The digest over a configuration's files is the first thing that needs it. */
static bool can_hash(const char *command) {
    struct hasher *h = hasher_new();
    bool there = hasher_has(h, HASH_SHA256);
    hasher_free(h);
    if (!there)
        fprintf(stderr,
                "phonegate %s: SHA-256 is missing in this machine's OpenSSL: nothing works without "
                "it (see phonegate self-test)\n",
                command);
    return there;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!is_help(argv[i])) continue;
        int at = command_index(argc, argv);
        const struct cmd_entry *asked = at < argc ? find_command(argv[at]) : NULL;
        if (at < argc && asked == NULL) return unknown_command(argv[at]);
        if (asked != NULL) return help_on(asked);
        print_commands(stdout);
        return CMD_FINE;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return cmd_version(1, (char *[]){(char[]){"version"}, NULL});
    int at = command_index(argc, argv);
    if (at >= argc) {
        print_commands(stderr);
        return CMD_USAGE;
    }
    const struct cmd_entry *command = find_command(argv[at]);
    if (command == NULL) return unknown_command(argv[at]);
    if (command->hashes && !can_hash(command->name)) return CMD_NO;
    move_to_front(argv, at);
    return command->run(argc - 1, argv + 1);
}
