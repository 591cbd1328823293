#include "cli/cli.h"
#include "cli/colour.h"
#include "cli/rows.h"
#include "engine/verify.h"

struct check_options {
    bool repair, images;
    const char *format;
};

static const struct option_def table[] = {
    {"format", 0, OPTION_STRING, offsetof(struct check_options, format), "TEMPLATE",
     ROWS_FORMAT_HELP, "Options"},
    {"images", 0, OPTION_FLAG, offsetof(struct check_options, images), NULL,
     "Read the images' archives again, and compare their digests", NULL},
    {"repair", 0, OPTION_FLAG, offsetof(struct check_options, repair), NULL,
     "Put right what can be without losing anything", NULL},
    {0},
};

/* What is looked at, by the command's words. */
static const struct part {
    const char *word;
    unsigned flag;
} parts[] = {
    {"containers", VERIFY_CONTAINERS},
    {"networks", VERIFY_NETWORKS},
    {"volumes", VERIFY_VOLUMES},
    {"images", VERIFY_IMAGES},
};

static int read_parts(char **words, int n, unsigned *flags, struct err *e)
{
    for (int i = 0; i < n; i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(parts) && !str_eq(words[i], parts[k].word))
            k++;
        if (k == ARRAY_LEN(parts))
            return err_set(e, EINVAL,
                           "cannot check \"%s\": what can be checked is containers, networks, "
                           "volumes and images",
                           words[i]);
        *flags |= parts[k].flag;
    }
    return 0;
}

static void add_finding(struct str *out, const struct verify_finding *f, bool repair)
{
    enum colour colour = f->repaired ? COLOUR_GOOD : COLOUR_BAD;
    str_addf(out, "%s%s%s \"", colour_begin(STDOUT_FILENO, colour), f->kind,
             colour_end(STDOUT_FILENO, colour));
    str_add_visible(out, f->subject, "");
    str_add(out, "\": ");
    str_add_visible(out, f->problem, "");
    if (f->outcome) {
        str_add(out, f->repaired ? " (repaired: " : " (");
        str_add_visible(out, f->outcome, "");
        str_add(out, ")");
    } else if (f->repairable && !repair) {
        str_add(out, " (--repair puts it right)");
    }
    str_add(out, "\n");
}

static int print_words(const struct verify_report *report, bool repair, struct err *e)
{
    _cleanup_str_ struct str out = {0};
    for (size_t i = 0; i < report->n; i++)
        add_finding(&out, &report->v[i], repair);
    if (report->n == 0)
        str_addf(&out,
                 "all is as it should be: %zu containers (%zu running), %zu volumes, "
                 "%zu images\n",
                 report->containers, report->running, report->volumes, report->images);
    return out.failed ? err_nomem(e) : cli_print(out.s, e);
}

static int print_rows(const struct verify_report *report, const char *wish, struct err *e)
{
    _cleanup_json_ json_t *rows = json_array();
    _cleanup_json_ json_t *headers = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s}", "Kind", "KIND", "Subject", "SUBJECT", "Problem",
        "PROBLEM", "Repairable", "REPAIRABLE", "Repaired", "REPAIRED", "Outcome", "OUTCOME");
    for (size_t i = 0; i < report->n; i++) {
        const struct verify_finding *f = &report->v[i];
        json_t *row = json_pack("{s:s, s:s, s:s, s:b, s:b, s:s}", "Kind", f->kind, "Subject",
                                f->subject, "Problem", f->problem, "Repairable", f->repairable,
                                "Repaired", f->repaired, "Outcome", f->outcome ? f->outcome : "");
        if (json_array_append_new(rows, row) < 0)
            return err_nomem(e);
    }
    return rows_print(wish, "{{.Kind}}\t{{.Subject}}\t{{.Problem}}\t{{.Outcome}}", headers, rows,
                      e);
}

static int run_system_check(struct cli *c, int argc, char **argv, struct err *e)
{
    struct check_options o = {0};
    char **words;
    int n;
    int r = cli_parse(&cmd_system_check, argc, argv, &o, &words, &n, e);
    if (r != 0)
        return r == 1 ? 0 : r;
    _cleanup_verify_report_ struct verify_report report = {0};
    unsigned flags = (o.repair ? VERIFY_REPAIR : 0) | (o.images ? VERIFY_BLOBS : 0);
    r = read_parts(words, n, &flags, e);
    if (r == 0)
        r = verify(&c->engine, flags, &report, e);
    if (r == 0)
        r = o.format ? print_rows(&report, o.format, e) : print_words(&report, o.repair, e);
    if (r < 0)
        return r;
    for (size_t i = 0; i < report.n; i++)
        r |= !report.v[i].repaired;
    return r;
}

const struct cli_command cmd_system_check = {
    .line = "system check [OPTIONS] [containers|networks|volumes|images...]",
    .summary = "Verify that files, processes and the kernel's objects agree",
    .more = "Names each invariant that does not hold, one a line; the exit status is 1 when\n"
            "any is left. 'skiff check' shows what this kernel offers.",
    .options = table,
    .max = -1,
    .flags = NEEDS_ENGINE,
    .run = run_system_check,
};
