"""The reference service of this repository as teams write it with FastAPI and PyJWT.

`PyJWKClient` finds the realm's key, `jwt.decode` checks the token, `HTTPBearer` reads the header, dependencies ask for
roles, and httpx asks Keycloak whether a token is still active. It is here to be measured: docs/comparison.md.
"""

import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Annotated, Any

import httpx
import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jwt import PyJWKClient
from pydantic import AnyHttpUrl, BaseModel, NonNegativeFloat, PositiveFloat, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.exceptions import HTTPException as StarletteHTTPException


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    keycloak_url: AnyHttpUrl
    keycloak_realm: str
    keycloak_client_id: str
    keycloak_client_secret: SecretStr = SecretStr("")
    keycloak_internal_url: AnyHttpUrl | None = None
    keycloak_issuer: str | None = None
    keycloak_audience: str | None = None
    keycloak_create_users: bool = True
    keycloak_leeway_seconds: NonNegativeFloat = 5
    keycloak_http_timeout_seconds: PositiveFloat = 5
    keycloak_jwks_ttl_seconds: PositiveFloat = 3600
    keycloak_jwks_cooldown_seconds: NonNegativeFloat = 10
    cors_allowed_origins: str = "http://localhost:3000,http://localhost:5173"
    public_url: str | None = None
    listen: str = "127.0.0.1:8000"

    @property
    def issuer(self) -> str:
        return self.keycloak_issuer or f"{str(self.keycloak_url).rstrip('/')}/realms/{self.keycloak_realm}"

    @property
    def audiences(self) -> list[str]:
        return [name.strip() for name in (self.keycloak_audience or self.keycloak_client_id).split(",")]

    @property
    def openid_url(self) -> str:
        base = str(self.keycloak_internal_url or self.keycloak_url).rstrip("/")
        return f"{base}/realms/{self.keycloak_realm}/protocol/openid-connect"

    @property
    def client_credentials(self) -> dict[str, str]:
        return {
            "client_id": self.keycloak_client_id,
            "client_secret": self.keycloak_client_secret.get_secret_value(),
        }


settings = Settings()
jwks_client = PyJWKClient(
    f"{settings.openid_url}/certs",
    lifespan=settings.keycloak_jwks_ttl_seconds,
    timeout=settings.keycloak_http_timeout_seconds,
    cooldown_duration=settings.keycloak_jwks_cooldown_seconds,
)
bearer = HTTPBearer()
app = FastAPI(title="Reference service")
app.add_middleware(
    CORSMiddleware,
    allow_origins=[origin.strip() for origin in settings.cors_allowed_origins.split(",")],
    allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    allow_headers=["authorization", "content-type", "dpop", "x-csrf-token"],
    allow_credentials=True,
    expose_headers=["WWW-Authenticate"],
)


# --- refusals -------------------------------------------------------------------------------------------------------

# What FastAPI raises by itself has no code of its own.
CODES = {400: "invalid_request", 401: "not_authenticated", 404: "not_found", 405: "method_not_allowed"}
CHALLENGES = {401: "invalid_token", 403: "insufficient_scope"}


class Refusal(HTTPException):
    def __init__(self, status_code: int, code: str, detail: str, headers: dict[str, str] | None = None):
        super().__init__(status_code, detail, headers)
        self.code = code


def problem(status_code: int, code: str, detail: str, headers: dict[str, str]) -> JSONResponse:
    if status_code in CHALLENGES:
        error = "" if code == "not_authenticated" else f', error="{CHALLENGES[status_code]}"'
        headers = {**headers, "WWW-Authenticate": f'Bearer realm="{settings.keycloak_realm}"{error}'}
    body = {
        "type": f"urn:kc:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status_code,
        "detail": detail,
        "code": code,
    }
    return JSONResponse(body, status_code, headers, media_type="application/problem+json")


@app.exception_handler(StarletteHTTPException)
def http_error(_: Request, error: StarletteHTTPException) -> JSONResponse:
    code = getattr(error, "code", CODES.get(error.status_code, "error"))
    return problem(error.status_code, code, str(error.detail), dict(error.headers or {}))


@app.exception_handler(RequestValidationError)
def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    fields = ", ".join(str(part["loc"][-1]) for part in error.errors())
    return problem(status.HTTP_400_BAD_REQUEST, "invalid_request", f"Invalid parameters: {fields}", {})


# --- who calls ------------------------------------------------------------------------------------------------------

TOKEN_ERRORS = {
    jwt.InvalidIssuerError: "invalid_issuer",
    jwt.ImmatureSignatureError: "token_not_yet_valid",
    jwt.MissingRequiredClaimError: "missing_claim",
    jwt.InvalidIssuedAtError: "malformed_claim",
    jwt.exceptions.InvalidSubjectError: "malformed_claim",
    jwt.exceptions.InvalidJTIError: "malformed_claim",
    jwt.InvalidAlgorithmError: "unsupported_algorithm",
    jwt.InvalidSignatureError: "invalid_signature",
    jwt.PyJWKClientError: "unknown_key",
}


class User(BaseModel):
    sub: str | None
    email: str | None
    username: str | None
    first_name: str | None
    last_name: str | None
    realm_roles: list[str]
    client_roles: list[str]

    @property
    def roles(self) -> set[str]:
        return {*self.realm_roles, *self.client_roles}

    @property
    def is_superuser(self) -> bool:
        return "admin" in self.roles

    @property
    def is_staff(self) -> bool:
        return self.is_superuser or "staff" in self.roles


local_users: dict[str, dict[str, Any]] = {}


def decode_token(token: str) -> dict[str, Any]:
    try:
        key = jwks_client.get_signing_key_from_jwt(token)
        return jwt.decode(
            token,
            key.key,
            algorithms=["RS256"],
            audience=settings.audiences,
            issuer=settings.issuer,
            leeway=settings.keycloak_leeway_seconds,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWKClientConnectionError:
        raise Refusal(503, "keys_unavailable", "Keycloak's keys are not available", {"Retry-After": "1"})
    except jwt.ExpiredSignatureError:
        raise Refusal(401, "token_expired", "Token has expired")
    except jwt.InvalidAudienceError:
        raise Refusal(401, "invalid_audience", "Invalid token audience")
    except jwt.PyJWTError as error:
        code = next((code for kind, code in TOKEN_ERRORS.items() if isinstance(error, kind)), "malformed_token")
        raise Refusal(401, code, f"Token validation failed: {error}")


# No `async`: the key client blocks, and FastAPI runs plain functions in its thread pool.
def get_current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> User:
    claims = decode_token(credentials.credentials)
    client = claims.get("resource_access", {}).get(settings.keycloak_client_id, {})
    user = User(
        sub=claims.get("sub"),
        email=claims.get("email"),
        username=claims.get("preferred_username"),
        first_name=claims.get("given_name"),
        last_name=claims.get("family_name"),
        realm_roles=sorted(claims.get("realm_access", {}).get("roles", [])),
        client_roles=sorted(client.get("roles", [])),
    )
    if user.sub and user.sub not in local_users:
        if not settings.keycloak_create_users:
            raise Refusal(401, "user_unknown", "User does not exist")
        local_users[user.sub] = {
            "sub": user.sub,
            "username": user.username,
            "email": user.email,
            "is_staff": user.is_staff,
            "is_active": True,
            "date_joined": datetime.now(timezone.utc).isoformat(),
        }
    return user


CurrentUser = Annotated[User, Depends(get_current_user)]


def require_roles(*roles: str) -> Callable[..., User]:
    def check(user: CurrentUser) -> User:
        if missing := sorted(set(roles) - user.roles):
            raise Refusal(403, "missing_roles", f"Missing required roles: {', '.join(missing)}")
        return user

    return check


def require_any_role(*roles: str) -> Callable[..., User]:
    def check(user: CurrentUser) -> User:
        if not user.roles.intersection(roles):
            raise Refusal(403, "insufficient_permissions", "Insufficient permissions")
        return user

    return check


# --- Keycloak's endpoints -------------------------------------------------------------------------------------------


async def post_to_keycloak(path: str, form: dict[str, str]) -> dict[str, Any]:
    async with httpx.AsyncClient(timeout=settings.keycloak_http_timeout_seconds) as client:
        response = await client.post(f"{settings.openid_url}/{path}", data={**form, **settings.client_credentials})
        response.raise_for_status()
        return response.json()


async def require_active(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> None:
    try:
        answer = await post_to_keycloak("token/introspect", {"token": credentials.credentials})
    except (httpx.HTTPError, ValueError):
        raise Refusal(502, "introspection_unavailable", "Failed to reach Keycloak introspection endpoint")
    if not answer.get("active"):
        raise Refusal(401, "token_inactive", "Token is no longer active")


service_token: dict[str, Any] = {"access_token": "", "expires_at": 0.0}


async def get_service_token() -> dict[str, Any]:
    if service_token["expires_at"] < time.time() + 10:
        try:
            answer = await post_to_keycloak("token", {"grant_type": "client_credentials"})
            expires_at = time.time() + answer["expires_in"]
            service_token.update(access_token=answer["access_token"], expires_at=expires_at)
        except (httpx.HTTPError, KeyError, ValueError):
            raise Refusal(502, "service_token_unavailable", "Failed to get a service token from Keycloak")
    return service_token


# --- routes ---------------------------------------------------------------------------------------------------------


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "healthy"}


@app.get("/.well-known/oauth-protected-resource")
def protected_resource() -> dict[str, Any]:
    return {
        "resource": settings.public_url or f"http://{settings.listen}",
        "authorization_servers": [settings.issuer],
        "bearer_methods_supported": ["header"],
    }


@app.get("/me")
def me(user: CurrentUser) -> dict[str, Any]:
    return {**user.model_dump(), "is_staff": user.is_staff, "is_superuser": user.is_superuser}


@app.get("/items")
def list_items(user: Annotated[User, Depends(require_any_role("api-read", "api-admin"))]) -> list[dict[str, Any]]:
    return [{"id": 1, "name": "Widget", "owner": user.sub}, {"id": 2, "name": "Gadget", "owner": user.sub}]


@app.post("/items", status_code=status.HTTP_201_CREATED)
def create_item(
    user: Annotated[User, Depends(require_roles("api-admin"))], item_name: Annotated[str, Query(min_length=1)]
) -> dict[str, Any]:
    return {"id": 3, "name": item_name, "owner": user.sub}


@app.delete(
    "/items/{item_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    dependencies=[Depends(require_roles("api-admin")), Depends(require_active)],
)
def delete_item(item_id: int) -> Response:
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@app.get("/admin/users")
def list_users(user: Annotated[User, Depends(require_roles("admin"))]) -> dict[str, Any]:
    users = sorted(local_users.values(), key=lambda user: user["date_joined"])[:100]
    return {"message": "Admin access granted", "admin_user": user.username, "users": users}


@app.get("/reports")
def report(user: Annotated[User, Depends(require_roles("staff"))]) -> dict[str, Any]:
    return {
        "report": "Monthly authentication summary",
        "generated_by": user.username,
        "generated_at": datetime.now(timezone.utc).isoformat(),
    }


@app.get("/cases", dependencies=[Depends(require_roles("judge"))])
def list_cases() -> dict[str, Any]:
    return {"cases": []}


@app.post("/cases", status_code=status.HTTP_201_CREATED, dependencies=[Depends(require_roles("judge", "admin"))])
def create_case() -> dict[str, Any]:
    return {"cases": []}


@app.get("/service-token", dependencies=[Depends(require_roles("admin"))])
async def own_token() -> dict[str, int]:
    token = await get_service_token()
    return {"expires_in": math.floor(token["expires_at"] - time.time())}


if __name__ == "__main__":
    host, port = settings.listen.rsplit(":", 1)
    uvicorn.run(app, host=host, port=int(port))
