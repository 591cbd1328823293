#include "cli/systemd.h"

#include <string.h>

void systemd_unit_release(struct systemd_unit *u)
{
    strv_release(&u->description);
    strv_release(&u->wants);
    strv_release(&u->after);
    strv_release(&u->requires);
    strv_release(&u->mounts);
    strv_release(&u->start);
    strv_release(&u->stop);
    strv_release(&u->clean);
}

bool systemd_knows_restart(const char *policy)
{
    static const char *const known[] = {"no",          "always",      "on-success", "on-failure",
                                        "on-abnormal", "on-watchdog", "on-abort"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(policy, known[i]))
            return true;
    return false;
}

void systemd_quote(struct str *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_@+=:,./-";
    bool quoted = !*word || word[strspn(word, plain)] != '\0';
    if (quoted)
        str_add(out, "\"");
    for (const char *c = word; *c; c++) {
        if (*c == '%' || *c == '$') /* a specifier, a variable */
            str_addf(out, "%c%c", *c, *c);
        else if (*c == '"' || *c == '\\')
            str_addf(out, "\\%c", *c);
        else if ((unsigned char)*c < ' ' || *c == 0x7f)
            str_addf(out, "\\x%02x", (unsigned char)*c);
        else
            str_addf(out, "%c", *c);
    }
    if (quoted)
        str_add(out, "\"");
}

/* A list of units or paths: no commands, so only specifiers mean anything in them. */
static int add_list(struct str *out, const char *key, const struct strv *list, bool quote,
                    struct err *e)
{
    if (list->n == 0)
        return 0;
    str_addf(out, "%s=", key);
    for (size_t i = 0; i < list->n; i++) {
        if (strpbrk(list->v[i], "\n\r") || (!quote && strpbrk(list->v[i], " \t\"'\\")))
            return err_set(e, EINVAL, "\"%s\" cannot stand in %s= of a unit", list->v[i], key);
        if (i > 0)
            str_add(out, " ");
        if (quote && strpbrk(list->v[i], " \t\"'\\%$"))
            systemd_quote(out, list->v[i]);
        else
            str_add(out, list->v[i]);
    }
    str_add(out, "\n");
    return 0;
}

static void add_command(struct str *out, const char *key, const char *prefix,
                        const struct strv *words)
{
    if (words->n == 0)
        return;
    str_addf(out, "%s=%s", key, prefix);
    for (size_t i = 0; i < words->n; i++) {
        if (i > 0)
            str_add(out, " ");
        systemd_quote(out, words->v[i]);
    }
    str_add(out, "\n");
}

int systemd_write(const struct systemd_unit *u, struct str *out, struct err *e)
{
    if (u->description.failed || u->wants.failed || u->after.failed || u->requires.failed ||
        u->mounts.failed || u->start.failed || u->stop.failed || u->clean.failed)
        return err_nomem(e);
    str_addf(out, "[Unit]\nDescription=%s\n", u->description.v[0]);
    str_add(out, "Wants=network-online.target\nAfter=network-online.target\n");
    int r = add_list(out, "Wants", &u->wants, false, e);
    if (r == 0)
        r = add_list(out, "After", &u->after, false, e);
    if (r == 0)
        r = add_list(out, "Requires", &u->requires, false, e);
    if (r == 0)
        r = add_list(out, "RequiresMountsFor", &u->mounts, true, e);
    if (r < 0)
        return r;
    str_add(out, "\n[Service]\n"
                 "# What is left in the unit when the command ends is the container's monitor.\n"
                 "Type=forking\n");
    str_addf(out, "Restart=%s\nTimeoutStopSec=%lld\n", u->restart, u->stop_s);
    if (u->start_s >= 0)
        str_addf(out, "TimeoutStartSec=%lld\n", u->start_s);
    add_command(out, "ExecStartPre", "-", &u->clean);
    add_command(out, "ExecStart", "", &u->start);
    add_command(out, "ExecStop", "-", &u->stop);
    add_command(out, "ExecStopPost", "-", &u->clean);
    str_add(out, "\n[Install]\nWantedBy=multi-user.target\n");
    return out->failed ? err_nomem(e) : 0;
}
