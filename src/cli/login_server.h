/*
 * The registry that login and logout are told.
 */
#ifndef SKIFF_CLI_LOGIN_SERVER_H
#define SKIFF_CLI_LOGIN_SERVER_H

#include "base/err.h"

/* "https://ghcr.io/v2/" to "ghcr.io", any of Docker Hub's names, or NULL, to "docker.io". The
 * caller's to free. */
int login_server(const char *text, char **ret, struct err *e);

/* As people know it: "https://index.docker.io/v1/" for Docker Hub. */
const char *login_server_shown(const char *registry);

#endif
