"""A JSON answer by FastAPI, as its tutorial begins."""

from fastapi import FastAPI

application = FastAPI()


@application.get("/")
async def root():
    return {"message": "Hello World"}
